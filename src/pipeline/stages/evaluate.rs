//! Answering a task's validation set.

use std::path::Path;

use tch::Device;

use super::{SCORE, Score, write_json};
use crate::dataset::{self, Task, nlvr2_official};
use crate::error::{Error, Result};
use crate::features::progress::Silent;
use crate::pipeline::plan::StageContext;
use crate::train::predict::{Average, predict};
use crate::train::setup::{self, Loader, Start};
use crate::train::weights;

/// Name of the predictions file within an evaluation's folder.
pub(in crate::pipeline) fn predictions_file(task: Task) -> String {
    let suffix = if task == Task::Nlvr2 { "csv" } else { "json" };
    format!("{}_predict.{suffix}", task.paper_splits().1)
}

/// Answers with the weights in a file; leaves predictions and score in the stage's folder.
pub(in crate::pipeline) fn evaluate(
    context: &mut StageContext,
    loader: &Loader,
    task: Task,
    weights: &Path,
    batch_size: usize,
    device: Device,
) -> Result<()> {
    let questions = loader.questions(task.paper_splits().1, &Silent)?;
    let description = weights::describe(weights)?
        .ok_or_else(|| Error::bug(format!("{} does not describe its model", weights.display())))?;
    let start = Start::FineTuned(weights.display().to_string());
    // Every weight is loaded, so the seed decides nothing.
    let (model, _) = setup::model(&description, &start, loader, 0, false, device)?;
    let predictions = predict(&[&model], Average::default(), &questions, batch_size, |_| {})?;
    dataset::write_predictions(task, &context.output(&predictions_file(task))?, &predictions)?;
    let consistency = match task {
        // A group that lacks examples cannot be right as a whole.
        Task::Nlvr2 if questions.dropped() == 0 => {
            let gold = nlvr2_official::nlvr2_gold(&questions.data)?;
            Some(nlvr2_official::nlvr2_official(&gold, &predictions)?.consistency() * 100.0)
        }
        _ => None,
    };
    let accuracy = dataset::score(&questions.data, &predictions)? * 100.0;
    let score = Score { accuracy, n: predictions.len() as u64, consistency };
    context.note(&format!("accuracy {accuracy:.2} on {} examples", score.n));
    write_json(&context.output(SCORE)?, &score)
}
