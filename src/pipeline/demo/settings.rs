//! Settings of a demo run, and the names of its stages.

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

/// Settings of a demo run.
#[derive(Debug, Clone)]
pub struct DemoSettings {
    /// Sizes of the data and the trainings.
    pub recipe: DemoRecipe,
    /// Training seed of the three tasks.
    pub seed: u64,
    /// CPU threads. They are part of a training's fingerprint, since a different number rounds differently.
    pub threads: usize,
    /// Versions of the libraries that compute.
    pub versions: BTreeMap<String, String>,
    /// The workers that train and answer. If they run in containers, all stages do.
    pub workers: Workers,
}

/// Parameters of a training stage: what it depends on besides its inputs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DemoTraining {
    pub task: Task,
    pub config: Config,
    pub recipe: TrainingRecipe,
    pub seed: u64,
    pub threads: usize,
    pub versions: BTreeMap<String, String>,
}

/// Returns the task whose trained encoder a task starts from. VQA starts from random weights, GQA and NLVR2 from VQA's encoder, as
/// the original starts each task from its pre-trained encoder (`--loadLXMERT`). From random weights, NLVR2 stays at 50 % for ten
/// epochs: each sentence and each pair of pictures is equally often true and false, so that neither alone helps. GQA learns
/// questions about existence with some seeds only.
pub(super) fn starts_from(task: Task) -> Option<Task> {
    (task != Task::Vqa).then_some(Task::Vqa)
}

pub(super) fn parameters(task: Task, settings: &DemoSettings) -> DemoTraining {
    DemoTraining {
        task,
        config: Config::demo(),
        recipe: settings.recipe.training.of(task),
        seed: settings.seed,
        threads: settings.threads,
        versions: settings.versions.clone(),
    }
}
