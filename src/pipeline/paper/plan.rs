//! The stages of a run, and running them.

use std::path::PathBuf;
use std::rc::Rc;

use serde_json::json;

use super::settings::{FETCH, PREPARE, PROFILE, Settings, Training, inventory_file};
use super::train::FineTuner;
use super::{fetching, rate};
use crate::pipeline::engine;
use crate::pipeline::journal::Event;
use crate::pipeline::plan::{HOST, Plan, Stage};
use crate::pipeline::results::Results;
use crate::pipeline::stages::{EVENTS, OUTCOME};
use crate::placement::Place;
use base::error::Result;
use judge::evidence::result;
use judge::evidence::stages::{evaluate_stage, train_stage};
use judge::grade::golden::GoldenFile;
use judge::report::Report;
use lxmert_spec::paper::{FineTuningRecipe, fine_tuning};

/// All stages of a run.
///
/// # Errors
/// Data where the manifest has no source for a file that a task reads.
pub fn plan(settings: &Rc<Settings>, tuner: &Rc<dyn FineTuner>) -> Result<Plan> {
    settings.needs()?;
    let executor = tuner.place().map_or(HOST, Place::executor).to_owned();
    let (fetching, preparing) = (Rc::clone(settings), Rc::clone(settings));
    let mut stages = vec![
        Stage::new(FETCH, "fetch the published files", 1, move |context| fetching::fetch(context, &fetching)).always(),
        Stage::new(PREPARE, "unpack, make and count what is trained on", 1, move |context| {
            fetching::prepare(context, &preparing)
        })
        .after(FETCH)
        .always(),
    ];
    for &task in &settings.tasks {
        let FineTuningRecipe { train, valid, .. } = fine_tuning(task);
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

/// Runs a plan and has it judged by `golden`; the report and the run's folder.
///
/// # Errors
/// As [`plan`], and what [`engine::run`] returns.
pub fn run(
    settings: &Rc<Settings>,
    tuner: &Rc<dyn FineTuner>,
    golden: &GoldenFile,
    display: &mut dyn FnMut(&Event),
) -> Result<(Report, PathBuf)> {
    let engine = engine::Settings {
        workspace: settings.workspace.clone(),
        versions: settings.machine.versions.clone(),
        threads: settings.machine.threads,
        image: tuner.place().map(Place::words),
        departures: settings.deviations(),
    };
    let plan = plan(settings, tuner)?;
    engine::run(&plan, &engine, display, |outcome| Results::of(outcome, golden))
}
