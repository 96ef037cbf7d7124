//! The stage that answers a task's evaluation set.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::write_json;
use crate::answers;
use crate::pipeline::plan::StageContext;
use crate::pipeline::workers::Workers;
use base::error::Result;
use base::files;
use data::dataset::{Task, TaskData, read_predictions};
use judge::evidence::attribution;
use judge::evidence::result::{ModelRecord, ResultRecord};
use judge::evidence::write::{EvaluationFiles, predictions_file as named, write_evaluation};
use lxmert_spec::paper::fine_tuning;
use protocol::{Answer, AnswerOutcome, Job};
use trainings::options::Average;
use trainings::task_loader::TaskDataSettings;

/// Returns the name of the predictions file in an evaluation's folder.
pub(in crate::pipeline) fn predictions_file(task: Task) -> String {
    named(task, fine_tuning(task).valid)
}

/// The content of `score.json`: the main numbers of `result.json`, for other programs.
#[derive(Serialize)]
struct Score {
    accuracy: f64,
    n: u64,
    consistency: Option<f64>,
    #[serde(flatten)]
    measures: BTreeMap<String, f64>,
}

/// How a task's evaluation set is answered.
pub(in crate::pipeline) struct Evaluation {
    /// The data of the task.
    pub data: TaskDataSettings,
    /// The weights file.
    pub weights: PathBuf,
    /// Examples per batch.
    pub batch_size: usize,
    /// CPU threads.
    pub threads: usize,
    /// Files and folders that the worker reads.
    pub reads: Vec<PathBuf>,
}

/// Has a worker answer the set, and writes predictions, items, result and score into the stage's folder.
pub(in crate::pipeline) fn evaluate(
    context: &mut StageContext,
    workers: &Workers,
    evaluation: Evaluation,
) -> Result<()> {
    let Evaluation { data, weights, batch_size, threads, reads } = evaluation;
    let (task, splits, data_root) = (data.task, fine_tuning(data.task).valid, data.data_root.clone());
    let origin = attribution::find(&weights, task)?;
    let sha256 = origin.sha256.map_or_else(|| files::sha256(&weights), Ok)?;
    let output = context.output(&predictions_file(task))?;
    let job = Answer {
        data,
        splits: splits.to_owned(),
        models: vec![weights.clone()],
        average: Average::default(),
        batch_size,
        allow_missing: false,
        sizes: None,
        overrule: false,
        output: output.clone(),
        stage: true,
    };
    let answered: AnswerOutcome = workers.run(context, Job::Answer(Box::new(job)), threads, reads)?;
    let record = write_evaluation(
        context.folder(),
        EvaluationFiles {
            data: &TaskData::load(task, &data_root, splits)?,
            predictions: &read_predictions(task, &output)?,
            left_out: answered.left_out,
            models: vec![ModelRecord {
                file: weights.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                sha256,
                parameters: answered.models.first().map_or(0, |model| model.parameters),
            }],
            training: origin.training,
            vocabulary: Some(answered.vocabulary.clone()),
            without: None,
            features: answers::features(&answered),
            environment: answers::machine(&answered),
        },
    )?;
    let ResultRecord { accuracy, n, consistency, measures, .. } = record;
    let score = Score { accuracy, n, consistency, measures };
    context.note(&format!("accuracy {:.2} on {} examples", score.accuracy, score.n));
    write_json(&context.output("score.json")?, &score)
}
