//! The speed of earlier trainings of the same model on this machine.

use std::path::Path;

use super::settings::PaperTraining;
use crate::pipeline::cache::Cache;
use judge::evidence::stages::train_stage;
use judge::report::metrics;

/// The measured speed of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingRate {
    /// Mean over the epochs.
    pub examples_per_second: f64,
    /// When it finished, UTC.
    pub finished: String,
}

/// File of a training's losses, accuracies and speeds, in the folder of its stage.
pub const METRICS: &str = "metrics.jsonl";

/// Returns the speed of the latest finished training of the same task with the same model, batch size, device and threads;
/// seed and data may differ.
pub(super) fn measured(workspace: &Path, wanted: &PaperTraining) -> Option<TrainingRate> {
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
        Some(TrainingRate { examples_per_second, finished: record.finished })
    })
}
