//! `repro all --profile paper`: the published data and weights, the three fine-tunings with the paper's settings, their
//! evaluation, and what the accuracies are worth.
//!
//! - [`recipe`]: the paper's settings;
//! - [`needs`]: which files a task reads, and where they come from;
//! - [`inventory`]: what lies in the workspace, as small files that stages depend on;
//! - `data`: the stages that fetch and prepare;
//! - [`rate`]: how fast earlier trainings went here;
//! - [`forecast`]: what a run would do, without a network;
//! - `train`: training and evaluation, behind [`FineTuner`];
//! - `findings`: the accuracies beside the published ones.
//!
//! Fetching and preparing run every time, at the cost of a look at sizes and times where all is there; what they find
//! decides by content whether a training is repeated.

mod data;
mod findings;
pub mod forecast;
pub mod inventory;
pub mod needs;
pub mod rate;
pub mod recipe;
mod train;

pub use train::Libtorch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::engine;
use super::journal::Event;
use super::plan::{HOST, Plan, Stage, StageContext};
use super::stages::{EVENTS, OUTCOME};
use crate::placement::Place;
use crate::prepare;
use ::data::dataset::{Scale, Task};
use ::data::features::Precision;
use assets::event::Observer;
use assets::fetch::Network;
use assets::lock::Lock;
use assets::manifest::Manifest;
use base::error::Result;
use judge::evidence::result;
use judge::report::Report;
use judge::verdict::published::Published;
use lxmert_spec::demo::TrainingRecipe;

use needs::Needs;

/// Name of the profile.
pub const PROFILE: &str = "paper";
const FETCH: &str = "fetch";
const PREPARE: &str = "prepare";

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
    pub observers: Rc<dyn Fn() -> Box<dyn Observer>>,
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

/// Whoever trains and answers. It reads the data and the weights below `workspace` that the task needs.
pub trait FineTuner {
    /// Trains, and leaves weights and [`rate::METRICS`] in the stage's folder.
    ///
    /// # Errors
    /// Whatever stands in the way.
    fn train(&self, context: &mut StageContext, training: &Training, workspace: &Path) -> Result<()>;

    /// Answers the task's validation set with the weights that `trained` holds, and leaves the score.
    ///
    /// # Errors
    /// Whatever stands in the way.
    fn evaluate(&self, context: &mut StageContext, training: &Training, workspace: &Path, trained: &Path)
    -> Result<()>;

    /// The image that it happens in; none on this machine itself.
    fn place(&self) -> Option<&Place> {
        None
    }
}

impl Settings {
    /// What the tasks need.
    ///
    /// # Errors
    /// Data where the manifest has no source for a file.
    pub fn needs(&self) -> Result<Needs<'_>> {
        Needs::of(&self.assets.manifest, &self.tasks)
    }

    /// In what this run is not the published one; another seed is not.
    pub fn departures(&self) -> Vec<String> {
        let scale = match self.scale {
            Scale::Tiny => Some("--tiny".to_owned()),
            Scale::Fast => Some("--fast".to_owned()),
            Scale::Full => None,
        };
        let model = (self.model.name != recipe::MODEL).then(|| format!("--model {}", self.model.name));
        let half = (self.precision == Precision::F16).then(|| "--half-features".to_owned());
        let foreign = self.assets.foreign.then(|| "files of another manifest".to_owned());
        [model, scale, half, foreign].into_iter().flatten().collect()
    }

    fn training(&self, task: Task) -> Training {
        Training {
            task,
            model: self.model.clone(),
            recipe: recipe::training(task),
            scale: self.scale,
            precision: self.precision,
            seed: self.seed,
            machine: self.machine.clone(),
        }
    }

    fn prepare(&self) -> prepare::Settings {
        prepare::Settings {
            workspace: self.workspace.clone(),
            precision: self.precision,
            drop_archives: self.assets.drop_archives,
        }
    }
}

/// All stages of a run.
///
/// # Errors
/// Data where the manifest has no source for a file that a task reads.
pub fn plan(settings: &Rc<Settings>, tuner: &Rc<dyn FineTuner>) -> Result<Plan> {
    settings.needs()?;
    let executor = tuner.place().map_or(HOST, Place::executor).to_owned();
    let (fetching, preparing) = (Rc::clone(settings), Rc::clone(settings));
    let mut stages = vec![
        Stage::new(FETCH, "fetch the published files", 1, move |context| data::fetch(context, &fetching)).always(),
        Stage::new(PREPARE, "unpack, make and count what is trained on", 1, move |context| {
            data::prepare(context, &preparing)
        })
        .after(FETCH)
        .always(),
    ];
    for &task in &settings.tasks {
        let (train, valid) = task.paper_splits();
        let (workspace, tuner) = (settings.workspace.clone(), Rc::clone(tuner));
        let (other_workspace, other_tuner) = (workspace.clone(), Rc::clone(&tuner));
        let training = json!(settings.training(task));
        stages.push(
            Stage::new(&train_stage(task), &format!("fine-tune LXMERT on {task} {train}"), 1, move |context| {
                let training: Training = context.parameters()?;
                tuner.train(context, &training, &workspace)
            })
            .parameters(training.clone())
            .output_of(PREPARE, &inventory_file(task))
            .executor(&executor)
            .volatile(rate::METRICS)
            .volatile(OUTCOME)
            .volatile(EVENTS)
            .resumes(),
        );
        stages.push(
            Stage::new(&evaluate_stage(task), &format!("answer {task} {valid}"), 2, move |context| {
                let training: Training = context.parameters()?;
                let trained = context.input_folder(&train_stage(training.task))?;
                other_tuner.evaluate(context, &training, &other_workspace, &trained)
            })
            .parameters(training)
            .output_of(PREPARE, &inventory_file(task))
            .after(&train_stage(task))
            .executor(&executor)
            // It names the machine and the weights' place.
            .volatile(result::FILE),
        );
    }
    Ok(Plan {
        profile: PROFILE.to_owned(),
        title: "LXMERT: the three fine-tunings".to_owned(),
        seeds: vec![settings.seed],
        stages,
    })
}

/// Runs a plan and has it judged by `published`; the report and the run's folder.
///
/// # Errors
/// As [`plan`], and what [`engine::run`] returns.
pub fn run(
    settings: &Rc<Settings>,
    tuner: &Rc<dyn FineTuner>,
    published: &Published,
    display: &mut dyn FnMut(&Event),
) -> Result<(Report, PathBuf)> {
    let engine = engine::Settings {
        workspace: settings.workspace.clone(),
        versions: settings.machine.versions.clone(),
        threads: settings.machine.threads,
        image: tuner.place().map(Place::words),
        departures: settings.departures(),
    };
    let plan = plan(settings, tuner)?;
    engine::run(&plan, &engine, display, |outcome| findings::findings(outcome, settings, published))
}

fn train_stage(task: Task) -> String {
    format!("train-{task}")
}

fn evaluate_stage(task: Task) -> String {
    format!("evaluate-{task}")
}

/// Name of a task's inventory among the outputs of [`PREPARE`].
fn inventory_file(task: Task) -> String {
    format!("{task}.json")
}
