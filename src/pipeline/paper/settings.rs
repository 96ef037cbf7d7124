//! What a run of the profile is made with, and the names of its stages.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::needs::Needs;
use crate::prepare;
use assets::event::Event;
use assets::fetch::Network;
use assets::lock::Lock;
use assets::manifest::Manifest;
use base::error::Result;
use base::progress::Observer;
use data::dataset::{Scale, Task};
use data::features::Precision;
use judge::verdict::deviation::Deviation;
use lxmert_spec::paper::{MODEL, fine_tuning};
use lxmert_spec::recipe::TrainingRecipe;

/// Name of the profile.
pub const PROFILE: &str = "paper";
pub(super) const FETCH: &str = "fetch";
pub(super) const PREPARE: &str = "prepare";

/// What a run is made with.
#[derive(Clone)]
pub struct Settings {
    /// Folder that holds `data/`, `snap/`, `stores/` and the cache.
    pub workspace: PathBuf,
    /// Where the files come from.
    pub assets: Assets,
    /// What is reproduced.
    pub tasks: Vec<Task>,
    /// The model.
    pub model: Model,
    /// How much of the features is used.
    pub scale: Scale,
    /// How stores keep features.
    pub precision: Precision,
    /// Training seed of all tasks.
    pub seed: u64,
    /// Where and with what it is computed.
    pub machine: Machine,
}

/// Where the files come from, and how they get here.
#[derive(Clone)]
pub struct Assets {
    /// What there is.
    pub manifest: Rc<Manifest>,
    /// Whether that is another manifest than the program's own.
    pub foreign: bool,
    /// What is pinned.
    pub lock: Rc<Lock>,
    /// A folder with files that were downloaded by hand.
    pub from: Option<PathBuf>,
    /// Files that are fetched at the same time.
    pub jobs: usize,
    /// How patient fetching is.
    pub network: Network,
    /// Whether an archive is removed once everything in it is unpacked.
    pub drop_archives: bool,
    /// Makes whoever hears how one stage goes.
    pub observers: Rc<dyn Fn() -> Box<dyn Observer<Event>>>,
}

/// A model by name and with all its sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Of the preset.
    pub name: String,
    /// What the name stands for; those that the data decide are replaced in training.
    pub config: Value,
}

/// What decides the roundings of a computation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// `cpu`, or `cuda:0` with the GPU's name.
    pub device: String,
    /// CPU threads.
    pub threads: usize,
    /// Versions of what the arithmetic stands on.
    pub versions: BTreeMap<String, String>,
}

/// All that a training's result depends on beside its files; also the parameters of its stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The task.
    pub task: Task,
    /// The model.
    pub model: Model,
    /// Epochs, batch size, learning rate.
    pub recipe: TrainingRecipe,
    /// How much of the features is used.
    pub scale: Scale,
    /// How stores keep features.
    pub precision: Precision,
    /// Decides data order, dropout and random weights.
    pub seed: u64,
    /// What decides roundings.
    pub machine: Machine,
}

impl Settings {
    /// What the tasks need.
    ///
    /// # Errors
    /// Data where the manifest has no source for a file.
    pub fn needs(&self) -> Result<Needs<'_>> {
        Needs::of(&self.assets.manifest, &self.tasks)
    }

    /// Returns how this run deviates from the published ones; another seed is no deviation.
    pub fn deviations(&self) -> Vec<Deviation> {
        let scale = match self.scale {
            Scale::Tiny => Some("--tiny".to_owned()),
            Scale::Fast => Some("--fast".to_owned()),
            Scale::Full => None,
        };
        let model = (self.model.name != MODEL).then(|| format!("--model {}", self.model.name));
        let half = (self.precision == Precision::F16).then(|| "--half-features".to_owned());
        let foreign = self.assets.foreign.then(|| "files of another manifest".to_owned());
        [model, scale, half, foreign].into_iter().flatten().map(Deviation::from).collect()
    }

    pub(super) fn training(&self, task: Task) -> Training {
        Training {
            task,
            model: self.model.clone(),
            recipe: fine_tuning(task).training,
            scale: self.scale,
            precision: self.precision,
            seed: self.seed,
            machine: self.machine.clone(),
        }
    }

    pub(super) fn prepare(&self) -> prepare::Settings {
        prepare::Settings {
            workspace: self.workspace.clone(),
            precision: self.precision,
            drop_archives: self.assets.drop_archives,
        }
    }
}

/// Name of a task's inventory among the outputs of [`PREPARE`].
pub(super) fn inventory_file(task: Task) -> String {
    format!("{task}.json")
}
