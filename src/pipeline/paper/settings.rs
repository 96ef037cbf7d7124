//! Settings of a run of the paper profile, and the names of its stages.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
use lxmert_spec::Config;
use lxmert_spec::paper::{MODEL, SEED, fine_tuning};
use lxmert_spec::recipe::TrainingRecipe;

/// Name of the profile.
pub const PROFILE: &str = "paper";
pub(super) const FETCH: &str = "fetch";
pub(super) const PREPARE: &str = "prepare";

/// Settings of a run.
#[derive(Clone)]
pub struct PaperSettings {
    /// Folder that holds `data/`, `snap/`, `stores/` and the cache.
    pub workspace: PathBuf,
    /// How the files are obtained.
    pub assets: Assets,
    /// The tasks to reproduce.
    pub tasks: Vec<Task>,
    /// The model.
    pub model: Model,
    /// How much of the features is used.
    pub scale: Scale,
    /// Precision of the feature stores.
    pub precision: Precision,
    /// Training seed of all tasks.
    pub seed: u64,
    /// Where the run computes.
    pub machine: ComputeSettings,
}

/// Which files are used, and how they are obtained.
#[derive(Clone)]
pub struct Assets {
    /// The published files.
    pub manifest: Rc<Manifest>,
    /// Whether the manifest is not the built-in one.
    pub foreign: bool,
    /// Pinned checksums.
    pub lock: Rc<Lock>,
    /// A folder with files that were downloaded by hand.
    pub from: Option<PathBuf>,
    /// Number of parallel downloads.
    pub jobs: usize,
    /// Timeouts and retries.
    pub network: Network,
    /// Whether an archive is removed after unpacking.
    pub drop_archives: bool,
    /// Creates the observer of a stage.
    pub observers: Rc<dyn Fn() -> Box<dyn Observer<Event>>>,
}

/// A model with its name and its sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Name of the preset.
    pub name: String,
    /// Sizes of the preset; those that depend on the data are replaced in training.
    pub config: Value,
}

/// What determines the rounding of a computation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComputeSettings {
    /// `cpu`, or `cuda:0` with the GPU's name.
    pub device: String,
    /// CPU threads.
    pub threads: usize,
    /// Versions of the libraries that compute.
    pub versions: BTreeMap<String, String>,
}

/// Parameters of a training stage: what its result depends on besides its files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaperTraining {
    /// The task.
    pub task: Task,
    /// The model.
    pub model: Model,
    /// Epochs, batch size, learning rate.
    pub recipe: TrainingRecipe,
    /// How much of the features is used.
    pub scale: Scale,
    /// Precision of the feature stores.
    pub precision: Precision,
    /// Seed of data order, dropout and random weights.
    pub seed: u64,
    /// What determines rounding.
    pub machine: ComputeSettings,
}

impl PaperTraining {
    /// Returns the paper's training of a task on a machine.
    pub fn of_paper(task: Task, machine: ComputeSettings) -> Self {
        Self {
            task,
            model: Model { name: MODEL.to_owned(), config: json!(Config::lxr955()) },
            recipe: fine_tuning(task).training,
            scale: Scale::Full,
            precision: Precision::F32,
            seed: SEED,
            machine,
        }
    }
}

impl PaperSettings {
    /// Looks up the files that the tasks read.
    ///
    /// # Errors
    /// Data if the manifest has no source for a file.
    pub fn needs(&self) -> Result<Needs<'_>> {
        Needs::of(&self.assets.manifest, &self.tasks)
    }

    /// Returns how this run deviates from the paper; a different seed is not a deviation.
    pub fn deviations(&self) -> Vec<Deviation> {
        let scale = match self.scale {
            Scale::Tiny => Some("--tiny".to_owned()),
            Scale::Fast => Some("--fast".to_owned()),
            Scale::Full => None,
        };
        let model = (self.model.name != MODEL).then(|| format!("--model {}", self.model.name));
        let half = (self.precision == Precision::F16).then(|| "--half-features".to_owned());
        let foreign = self.assets.foreign.then(|| "files of a different manifest".to_owned());
        [model, scale, half, foreign].into_iter().flatten().map(Deviation::from).collect()
    }

    /// Returns the parameters of a task's training.
    pub fn training(&self, task: Task) -> PaperTraining {
        PaperTraining {
            task,
            model: self.model.clone(),
            recipe: fine_tuning(task).training,
            scale: self.scale,
            precision: self.precision,
            seed: self.seed,
            machine: self.machine.clone(),
        }
    }

    pub(super) fn prepare(&self) -> prepare::PrepareSettings {
        prepare::PrepareSettings {
            workspace: self.workspace.clone(),
            precision: self.precision,
            drop_archives: self.assets.drop_archives,
        }
    }
}

/// Returns the name of a task's inventory among the outputs of [`PREPARE`].
pub(super) fn inventory_file(task: Task) -> String {
    format!("{task}.json")
}
