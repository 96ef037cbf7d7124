//! Answering a task's validation set.

use std::path::Path;

use tch::Device;

use super::{SCORE, Score, write_json};
use crate::pipeline::plan::StageContext;
use base::error::{Error, Result};
use base::files;
use data::dataset::Task;
use data::features::progress::Silent;
use judge::evidence::attribution;
use judge::evidence::leave::{Evaluated, leave, predictions_file as named};
use judge::evidence::result::{FeatureRecord, Machine, ModelRecord};
use lxmert::train::machine::described;
use lxmert::train::predict::predict;
use lxmert::train::setup;
use lxmert::train::weights;
use trainings::choices::Average;
use trainings::loader::Loader;
use trainings::start::Start;

/// Name of the predictions file within an evaluation's folder.
pub(in crate::pipeline) fn predictions_file(task: Task) -> String {
    named(task, task.paper_splits().1)
}

/// Answers with the weights in a file; leaves predictions, items, result and score in the stage's folder.
pub(in crate::pipeline) fn evaluate(
    context: &mut StageContext,
    loader: &Loader,
    task: Task,
    weights: &Path,
    batch_size: usize,
    device: Device,
) -> Result<()> {
    let origin = attribution::of(weights, task)?;
    let sha256 = origin.sha256.map_or_else(|| files::sha256(weights), Ok)?;
    let questions = loader.questions(task.paper_splits().1, &Silent)?;
    let description = weights::describe(weights)?
        .ok_or_else(|| Error::bug(format!("{} does not describe its model", weights.display())))?;
    let start = Start::FineTuned(weights.display().to_string());
    // Every weight is loaded, so the seed decides nothing.
    let (model, _) = setup::model(&description, &start, loader, 0, false, device)?;
    let predictions = predict(&[&model], Average::default(), &questions, batch_size, |_| {})?;
    let record = leave(
        context.folder(),
        Evaluated {
            data: &questions.data,
            predictions: &predictions,
            left_out: questions.dropped(),
            models: vec![ModelRecord {
                file: weights.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                sha256,
                parameters: model.parameters().count() as u64,
            }],
            training: origin.training,
            vocabulary: Some(loader.tokenizer().sha256().to_owned()),
            without: None,
            features: questions.source.stores().iter().map(FeatureRecord::of).collect(),
            environment: Machine::here(tch::get_num_threads() as u64, &described(device)),
        },
    )?;
    let score = Score { accuracy: record.accuracy, n: record.n, consistency: record.consistency };
    context.note(&format!("accuracy {:.2} on {} examples", score.accuracy, score.n));
    write_json(&context.output(SCORE)?, &score)
}
