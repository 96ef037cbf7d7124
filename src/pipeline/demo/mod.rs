//! The stages of `repro all --profile demo`: scenes, features, stores, and for each task training and evaluation.

mod findings;
mod record;
mod stages;

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::json;

pub use findings::findings;
pub use record::record;

use super::contained::in_place;
use super::plan::{Plan, Stage, StageContext, Work};
use super::stages::{EVENTS, OUTCOME};
use super::workers::{Watcher, Watchers, Workers};
use crate::demo::{self, DemoDetector};
use crate::extract::Extractor;
use base::error::Result;
use data::dataset::Task;
use judge::evidence::result;
use judge::grade::faithful;
use judge::report::GoldenRecord;
use judge::verdict::golden::Golden;
use lxmert_spec::Config;
use lxmert_spec::demo::{Recipe, TrainingRecipe};

/// Name of the profile.
pub const PROFILE: &str = "demo";
const SCENES: &str = "scenes";
const FEATURES: &str = "features";
const STORES: &str = "stores";
const BASELINES: &str = "baselines";

/// What a demo run is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is drawn, asked and trained.
    pub recipe: Recipe,
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
struct Training {
    task: Task,
    config: Config,
    recipe: TrainingRecipe,
    seed: u64,
    threads: usize,
    versions: BTreeMap<String, String>,
}

/// The task whose encoder a task starts from: GQA and NLVR2 from VQA's, which starts from random weights, as the original
/// starts each task from its pre-trained encoder (`--loadLXMERT`). From random weights NLVR2 stays at 50 % for ten epochs
/// (every sentence and every pair of pictures is as often true as false, so that nothing can be learnt before everything
/// is), and GQA learns to tell whether something is there with some seeds only.
fn starts_from(task: Task) -> Option<Task> {
    (task != Task::Vqa).then_some(Task::Vqa)
}

fn train_stage(task: Task) -> String {
    format!("train-{task}")
}

fn evaluate_stage(task: Task) -> String {
    format!("evaluate-{task}")
}

/// All stages of a run.
pub fn plan(settings: &Settings) -> Plan {
    let detector = DemoDetector;
    let Workers { placement, watchers, .. } = &settings.workers;
    let mut stages = vec![
        Stage::new(SCENES, "draw scenes and write questions", demo::VERSION, watched(watchers, stages::scenes))
            .parameters(json!(settings.recipe)),
        Stage::new(FEATURES, "detect objects and write obj36 features", 1, watched(watchers, stages::features))
            .parameters(json!({ "extractor": detector.name(), "version": detector.version() }))
            .after(SCENES),
        Stage::new(STORES, "build the feature stores", 1, stages::stores).after(SCENES).after(FEATURES),
        Stage::new(BASELINES, "measure what one modality alone can do", 1, stages::baselines)
            .after(SCENES)
            .after(FEATURES),
    ];
    if let Some(place) = placement.image() {
        stages = stages.into_iter().map(|stage| in_place(stage, PROFILE, place)).collect();
    }
    for task in Task::ALL {
        stages.push(train(task, settings));
        let (title, workers) = (format!("answer {task} {}", task.paper_splits().1), settings.workers.clone());
        stages.push(
            Stage::new(&evaluate_stage(task), &title, 2, move |context| stages::evaluate(context, &workers))
                .parameters(json!(parameters(task, settings)))
                .executor(settings.workers.executor())
                // How the weights were trained lies beside them.
                .after(&train_stage(task))
                .after(SCENES)
                .after(STORES)
                // It names the machine and the weights' place.
                .volatile(result::FILE),
        );
    }
    Plan {
        profile: PROFILE.to_owned(),
        title: "LXMERT demo".to_owned(),
        seeds: vec![settings.recipe.seed, settings.seed],
        stages,
    }
}

/// What a stage of a name does that needs no worker.
pub(super) fn work(stage: &str) -> Option<Work> {
    Some(match stage {
        SCENES => Box::new(|context| stages::scenes(context, Box::new(|_| {}))),
        FEATURES => Box::new(|context| stages::features(context, Box::new(|_| {}))),
        STORES => Box::new(stages::stores),
        BASELINES => Box::new(stages::baselines),
        _ => return None,
    })
}

fn watched(
    watchers: &Watchers,
    work: fn(&mut StageContext<'_>, Watcher) -> Result<()>,
) -> impl Fn(&mut StageContext<'_>) -> Result<()> + 'static {
    let watchers = Rc::clone(watchers);
    move |context| work(context, watchers())
}

fn train(task: Task, settings: &Settings) -> Stage {
    let (title, workers) = (format!("train LXRT on {task} {}", task.paper_splits().0), settings.workers.clone());
    let stage = Stage::new(&train_stage(task), &title, 1, move |context| stages::train(context, &workers))
        .parameters(json!(parameters(task, settings)))
        .executor(settings.workers.executor())
        .after(SCENES)
        .after(STORES)
        .volatile(stages::METRICS)
        .volatile(OUTCOME)
        .volatile(EVENTS)
        .resumes();
    match starts_from(task) {
        Some(other) => stage.output_of(&train_stage(other), stages::ENCODER),
        None => stage,
    }
}

fn parameters(task: Task, settings: &Settings) -> Training {
    let recipe = match task {
        Task::Vqa => settings.recipe.training.vqa,
        Task::Gqa => settings.recipe.training.gqa,
        Task::Nlvr2 => settings.recipe.training.nlvr2,
    };
    Training {
        task,
        config: Config::demo(),
        recipe,
        seed: settings.seed,
        threads: settings.threads,
        versions: settings.versions.clone(),
    }
}

/// Runs a plan and has it judged by `golden`, which the report names as `named`; the report and the run's folder.
pub fn run(
    settings: &Settings,
    golden: &Golden,
    named: Option<GoldenRecord>,
    workspace: &Path,
    display: &mut dyn FnMut(&super::journal::Event),
) -> Result<(judge::report::Report, std::path::PathBuf)> {
    let engine = super::engine::Settings {
        workspace: workspace.to_owned(),
        versions: settings.versions.clone(),
        threads: settings.threads,
        image: settings.workers.placement.image().map(|place| place.words()),
        departures: Vec::new(),
    };
    let departure = (faithful::recipe(golden)? != settings.recipe).then(faithful::other_recipe);
    super::engine::run(&plan(settings), &engine, display, |outcome| {
        let mut found = findings(outcome, golden)?;
        if let Some(departure) = &departure {
            found.rows = found.rows.into_iter().map(|row| row.limited_by(departure)).collect();
        }
        Ok(judge::report::Findings { golden: named.into_iter().collect(), ..found })
    })
}
