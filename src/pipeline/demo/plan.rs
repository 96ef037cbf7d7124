//! The demo's plan, and running it.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::json;

use super::examples::examples;
use super::settings::{BASELINES, DemoSettings, FEATURES, PROFILE, SCENES, STORES, parameters, starts_from};
use super::stages;
use crate::demo::{self, DemoDetector};
use crate::extract::Extractor;
use crate::pipeline::container::in_place;
use crate::pipeline::engine;
use crate::pipeline::journal::Event;
use crate::pipeline::plan::{Plan, Stage, StageContext, Work};
use crate::pipeline::results::RunResults;
use crate::pipeline::stages::{EVENTS, OUTCOME};
use crate::pipeline::workers::{Watcher, Watchers, Workers};
use base::error::Result;
use data::dataset::Task;
use judge::evidence::result;
use judge::evidence::stages::{evaluate_stage, train_stage};
use judge::grade::golden::GoldenFile;
use judge::report::Report;
use lxmert_spec::paper::fine_tuning;

/// Returns the plan with all stages.
pub fn plan(settings: &DemoSettings) -> Plan {
    let detector = DemoDetector;
    let Workers { placement, watchers, .. } = &settings.workers;
    let mut stages = vec![
        Stage::new(SCENES, "draw scenes and write questions", demo::VERSION, watched(watchers, stages::scenes))
            .parameters(json!(settings.recipe)),
        Stage::new(FEATURES, "detect objects and write obj36 features", 1, watched(watchers, stages::features))
            .parameters(json!({ "extractor": detector.name(), "version": detector.version() }))
            .after(SCENES),
        Stage::new(STORES, "build the feature stores", 1, watched(watchers, stages::stores))
            .after(SCENES)
            .after(FEATURES),
        Stage::new(BASELINES, "measure baselines that see one modality only", 1, stages::baselines)
            .after(SCENES)
            .after(FEATURES),
    ];
    if let Some(place) = placement.image() {
        stages = stages.into_iter().map(|stage| in_place(stage, PROFILE, place, watchers)).collect();
    }
    for task in Task::ALL {
        stages.push(train(task, settings));
        let (title, workers) = (format!("answer {task} {}", fine_tuning(task).valid), settings.workers.clone());
        stages.push(
            Stage::new(&evaluate_stage(task), &title, 2, move |context| stages::evaluate(context, &workers))
                .parameters(json!(parameters(task, settings)))
                .executor(settings.workers.executor())
                // The record of the training lies beside the weights.
                .after(&train_stage(task))
                .after(SCENES)
                .after(STORES)
                // The result names the machine and the path of the weights.
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

/// Returns the work of a stage that needs no worker, by name.
pub(in crate::pipeline) fn work(stage: &str, watchers: &Watchers) -> Option<Work> {
    Some(match stage {
        SCENES => Box::new(watched(watchers, stages::scenes)),
        FEATURES => Box::new(watched(watchers, stages::features)),
        STORES => Box::new(watched(watchers, stages::stores)),
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

fn train(task: Task, settings: &DemoSettings) -> Stage {
    let (title, workers) = (format!("train LXRT on {task} {}", fine_tuning(task).train), settings.workers.clone());
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

/// Runs the plan, has it judged by `golden`, and returns the report and the run's folder.
///
/// # Errors
/// Those of [`engine::run`].
pub fn run(
    settings: &DemoSettings,
    golden: &GoldenFile,
    workspace: &Path,
    display: &mut dyn FnMut(&Event),
) -> Result<(Report, PathBuf)> {
    let engine = engine::RunSettings {
        workspace: workspace.to_owned(),
        versions: settings.versions.clone(),
        threads: settings.threads,
        image: settings.workers.placement.image().map(|place| place.words()),
        departures: Vec::new(),
    };
    engine::run(&plan(settings), &engine, display, |outcome| {
        Ok(RunResults { examples: examples(outcome)?, ..RunResults::of(outcome, golden)? })
    })
}
