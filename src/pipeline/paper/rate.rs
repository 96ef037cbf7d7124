//! How fast earlier trainings of the same model went on this machine.

use std::path::Path;

use super::settings::Training;
use crate::pipeline::cache::Cache;
use judge::evidence::stages::train_stage;
use judge::report::metrics;

/// A training's measured speed.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    /// Mean over its epochs.
    pub examples_per_second: f64,
    /// When it finished, UTC.
    pub finished: String,
}

/// File of a training's losses, accuracies and speeds within its stage's folder.
pub const METRICS: &str = "metrics.jsonl";

/// The latest finished training in the workspace of the same task with the same model, batch size, device and threads,
/// whatever its seed and data.
pub(super) fn measured(workspace: &Path, wanted: &Training) -> Option<Rate> {
    let (cache, stage) = (Cache::new(workspace), train_stage(wanted.task));
    let mut records = cache.history(&stage).ok()?;
    records.retain(|record| {
        serde_json::from_value::<Training>(record.parts.parameters.clone()).is_ok_and(|done| {
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
        Some(Rate { examples_per_second, finished: record.finished })
    })
}
