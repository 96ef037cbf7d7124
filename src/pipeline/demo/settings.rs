//! What a run of the profile is made with, and the names of its stages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::pipeline::workers::Workers;
use data::dataset::Task;
use lxmert_spec::Config;
use lxmert_spec::demo::DemoRecipe;
use lxmert_spec::recipe::TrainingRecipe;

/// Name of the profile.
pub const PROFILE: &str = "demo";
pub(super) const SCENES: &str = "scenes";
pub(super) const FEATURES: &str = "features";
pub(super) const STORES: &str = "stores";
pub(super) const BASELINES: &str = "baselines";

/// What a demo run is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is drawn, asked and trained.
    pub recipe: DemoRecipe,
    /// Training seed of the three tasks.
    pub seed: u64,
    /// CPU threads, part of the training's fingerprint: another number gives other roundings.
    pub threads: usize,
    /// Versions of what the arithmetic stands on.
    pub versions: BTreeMap<String, String>,
    /// Who trains and answers. Where they are in containers, all stages run in these.
    pub workers: Workers,
}

/// What a training stage depends on beside its inputs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Training {
    pub task: Task,
    pub config: Config,
    pub recipe: TrainingRecipe,
    pub seed: u64,
    pub threads: usize,
    pub versions: BTreeMap<String, String>,
}

/// The task whose encoder a task starts from: GQA and NLVR2 from VQA's, which starts from random weights, as the original
/// starts each task from its pre-trained encoder (`--loadLXMERT`). From random weights NLVR2 stays at 50 % for ten epochs
/// (every sentence and every pair of pictures is as often true as false, so that nothing can be learnt before everything
/// is), and GQA learns to tell whether something is there with some seeds only.
pub(super) fn starts_from(task: Task) -> Option<Task> {
    (task != Task::Vqa).then_some(Task::Vqa)
}

pub(super) fn parameters(task: Task, settings: &Settings) -> Training {
    Training {
        task,
        config: Config::demo(),
        recipe: settings.recipe.training.of(task),
        seed: settings.seed,
        threads: settings.threads,
        versions: settings.versions.clone(),
    }
}
