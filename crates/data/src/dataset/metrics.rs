//! Metrics beside the accuracy. A new metric is added here: its name, its computation, and the sentence that reports it.
//! Evaluations record it and verdicts name it.

use std::collections::BTreeMap;

use super::evaluate::Prediction;
use super::nlvr2_official::{nlvr2_gold, nlvr2_official};
use super::task::Task;
use super::task_data::TaskData;
use base::error::Result;

/// NLVR2: the share of sentences that are judged right on all their pairs of images.
pub const CONSISTENCY: &str = "consistency";

/// Returns the metrics of a task beside its accuracy by their names, in points from 0 to 100.
///
/// # Errors
/// Data without labels, or predictions that do not belong to it.
pub fn beside(data: &TaskData, predictions: &[Prediction]) -> Result<BTreeMap<String, f64>> {
    let mut measured = BTreeMap::new();
    // A group that lacks examples cannot be right as a whole.
    if data.task == Task::Nlvr2 && predictions.len() == data.examples.len() {
        let score = nlvr2_official(&nlvr2_gold(data)?, predictions)?;
        measured.insert(CONSISTENCY.to_owned(), score.consistency() * 100.0);
    }
    Ok(measured)
}

/// Returns the sentence of evidence about a metric with this value in points.
pub fn sentence(name: &str, value: f64) -> String {
    match name {
        CONSISTENCY => format!("consistency {value:.2}: sentences judged right on all their pairs of pictures"),
        other => format!("{other} {value:.2}"),
    }
}
