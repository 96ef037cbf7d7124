//! The speed of trainings on this machine: that of earlier trainings in the workspace, else of measured steps.

use std::path::Path;

use super::settings::PaperTraining;
use crate::pipeline::cache::Cache;
use crate::step_times::{KeptSteps, StepConditions, TrainingSpeed};
use judge::evidence::stages::train_stage;
use judge::report::metrics;
use lxmert_spec::Config;
use serde_json::json;

/// File of a training's losses, accuracies and speeds, in the folder of its stage.
pub const METRICS: &str = "metrics.jsonl";

/// Returns the speed that a training will have: that of an earlier one in the workspace, else that of steps of the same model that
/// were measured under the same conditions.
pub fn speed(workspace: &Path, wanted: &PaperTraining, kept: &KeptSteps) -> Option<TrainingSpeed> {
    let steps = || {
        let machine = &wanted.machine;
        let conditions =
            StepConditions::here(&machine.device, machine.threads, &machine.versions, wanted.recipe.batch_size);
        let is_measured = wanted.model.config == json!(Config::lxr955());
        kept.find(&conditions).filter(|_| is_measured).cloned().map(TrainingSpeed::Steps)
    };
    measured(workspace, wanted).or_else(steps)
}

/// Returns whether the workspace holds the result of a training with the same parameters.
pub fn is_finished(workspace: &Path, wanted: &PaperTraining) -> bool {
    let records = Cache::new(workspace).history(&train_stage(wanted.task)).unwrap_or_default();
    records.iter().any(|record| record.parts.parameters == json!(wanted))
}

/// Returns the speed of the latest finished training of the same task with the same model, batch size, device and threads;
/// seed and data may differ.
pub(super) fn measured(workspace: &Path, wanted: &PaperTraining) -> Option<TrainingSpeed> {
    let (cache, stage) = (Cache::new(workspace), train_stage(wanted.task));
    let mut records = cache.history(&stage).ok()?;
    records.retain(|record| {
        serde_json::from_value::<PaperTraining>(record.parts.parameters.clone()).is_ok_and(|done| {
            done.model == wanted.model
                && done.recipe.batch_size == wanted.recipe.batch_size
                && done.machine.device == wanted.machine.device
                && done.machine.threads == wanted.machine.threads
        })
    });
    records.sort_by(|a, b| b.finished.cmp(&a.finished));
    records.into_iter().find_map(|record| {
        let path = cache.folder(&stage, &record.fingerprint).join(METRICS);
        let (_, speed) = metrics::read(&path, wanted.task.name()).ok()?;
        let examples_per_second = speed.filter(|speed| speed.is_finite() && *speed > 0.0)?;
        Some(TrainingSpeed::Training { examples_per_second, finished: record.finished })
    })
}
