//! The plan of the paper profile, and running it.

use std::path::PathBuf;
use std::rc::Rc;

use serde_json::json;

use super::fine_tuner::FineTuner;
use super::settings::{FETCH, PREPARE, PROFILE, PaperSettings, PaperTraining, inventory_file};
use super::{data_stages, training_rate};
use crate::pipeline::engine;
use crate::pipeline::journal::Event;
use crate::pipeline::plan::{HOST, Plan, Stage};
use crate::pipeline::results::RunResults;
use crate::pipeline::stages::{EVENTS, OUTCOME};
use crate::placement::ContainerPlace;
use base::error::Result;
use judge::evidence::result;
use judge::evidence::stages::{evaluate_stage, train_stage};
use judge::grade::golden::GoldenFile;
use judge::report::Report;
use lxmert_spec::paper::{FineTuningRecipe, fine_tuning};

/// Returns the plan with all stages.
///
/// # Errors
/// Data if the manifest has no source for a file that a task reads.
pub fn plan(settings: &Rc<PaperSettings>, tuner: &Rc<dyn FineTuner>) -> Result<Plan> {
    settings.needs()?;
    let executor = tuner.place().map_or(HOST, ContainerPlace::executor).to_owned();
    let (fetching, preparing) = (Rc::clone(settings), Rc::clone(settings));
    let mut stages = vec![
        Stage::new(FETCH, "fetch the published files", 1, move |context| data_stages::fetch(context, &fetching))
            .always(),
        Stage::new(PREPARE, "unpack, process and count the training data", 1, move |context| {
            data_stages::prepare(context, &preparing)
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
                let training: PaperTraining = context.parameters()?;
                tuner.train(context, &training, &workspace)
            })
            .parameters(training.clone())
            .output_of(PREPARE, &inventory_file(task))
            .executor(&executor)
            .volatile(training_rate::METRICS)
            .volatile(OUTCOME)
            .volatile(EVENTS)
            .resumes(),
        );
        stages.push(
            Stage::new(&evaluate_stage(task), &format!("answer {task} {valid}"), 2, move |context| {
                let training: PaperTraining = context.parameters()?;
                let trained = context.input_folder(&train_stage(training.task))?;
                other_tuner.evaluate(context, &training, &other_workspace, &trained)
            })
            .parameters(training)
            .output_of(PREPARE, &inventory_file(task))
            .after(&train_stage(task))
            .executor(&executor)
            // The result names the machine and the path of the weights.
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

/// Runs the plan, has it judged by `golden`, and returns the report and the run's folder.
///
/// # Errors
/// Those of [`plan`] and [`engine::run`].
pub fn run(
    settings: &Rc<PaperSettings>,
    tuner: &Rc<dyn FineTuner>,
    golden: &GoldenFile,
    display: &mut dyn FnMut(&Event),
) -> Result<(Report, PathBuf)> {
    let engine = engine::RunSettings {
        workspace: settings.workspace.clone(),
        versions: settings.machine.versions.clone(),
        threads: settings.machine.threads,
        image: tuner.place().map(ContainerPlace::words),
        departures: settings.deviations(),
    };
    let plan = plan(settings, tuner)?;
    engine::run(&plan, &engine, display, |outcome| RunResults::of(outcome, golden))
}
