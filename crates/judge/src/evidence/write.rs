//! Writes the files of an evaluation: predictions, items and the result.

use std::path::Path;

use super::items;
use super::result::{
    FILE, FeatureRecord, FileDigest, MachineRecord, ModelRecord, ResultRecord, SCHEMA, TrainingRecord, metric,
};
use base::error::{Error, Result};
use data::dataset::{self, Prediction, Task, TaskData, metrics};

/// The answers of an evaluation and all that its `result.json` says about them.
pub struct EvaluationFiles<'e> {
    /// The splits with their labels, including examples without features.
    pub data: &'e TaskData,
    /// One prediction for each answered example.
    pub predictions: &'e [Prediction],
    /// Number of examples that were not answered because their features are missing.
    pub left_out: usize,
    /// See [`ResultRecord::models`].
    pub models: Vec<ModelRecord>,
    /// How the model was trained, if known.
    pub training: Option<TrainingRecord>,
    /// See [`ResultRecord::vocabulary`].
    pub vocabulary: Option<String>,
    /// See [`ResultRecord::without`].
    pub without: Option<String>,
    /// The features that were read.
    pub features: Vec<FeatureRecord>,
    /// The machine that answered.
    pub environment: MachineRecord,
}

/// Returns the name of the predictions of these splits in the submission format of the task.
pub fn predictions_file(task: Task, splits: &str) -> String {
    let suffix = if task == Task::Nlvr2 { "csv" } else { "json" };
    format!("{}_predict.{suffix}", splits.replace(',', "_"))
}

/// Writes predictions and `items.jsonl`, then `result.json`, which is there only if both are complete.
///
/// # Errors
/// Data for predictions that do not belong to the data ([`dataset::score`]) or data without labels; if a file cannot be
/// written.
pub fn write_evaluation(folder: &Path, evaluated: EvaluationFiles) -> Result<ResultRecord> {
    let EvaluationFiles { data, predictions, left_out, models, training, vocabulary, without, features, environment } =
        evaluated;
    let accuracy = dataset::score(data, predictions)? * 100.0;
    // A result that was there before belongs to other items.
    match std::fs::remove_file(folder.join(FILE)) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("remove", &folder.join(FILE), &e)),
        _ => {}
    }
    let (task, splits) = (data.task, data.splits.join(","));
    let answers = predictions_file(task, &splits);
    dataset::write_predictions(task, &folder.join(&answers), predictions)?;
    items::write(&folder.join(items::FILE), &items::score_each(data, predictions)?)?;
    let mut measures = metrics::beside(data, predictions)?;
    let record = ResultRecord {
        schema: SCHEMA,
        task,
        splits,
        metric: metric(task).to_owned(),
        n: predictions.len() as u64,
        examples: data.examples.len() as u64,
        left_out: left_out as u64,
        accuracy,
        consistency: measures.remove(metrics::CONSISTENCY),
        measures,
        seed: training.as_ref().and_then(TrainingRecord::seed),
        models,
        training,
        vocabulary,
        without,
        features,
        predictions: Some(FileDigest::of(folder, &answers)?),
        items: Some(FileDigest::of(folder, items::FILE)?),
        environment,
    };
    record.write(folder)?;
    Ok(record)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use base::host::HostFacts;
    use data::dataset::{Example, Id, Label};

    #[test]
    fn an_evaluation_leaves_what_judging_needs() {
        let folder = tempfile::tempdir().unwrap();
        let example = |pair: usize, class| Example {
            id: Id::Text(format!("dev-0-{pair}-0")),
            images: vec!["a".into(), "b".into()],
            sentence: "s".into(),
            label: Some(Label::Class(class)),
        };
        let data =
            TaskData { task: Task::Nlvr2, splits: vec!["valid".into()], examples: vec![example(0, 1), example(1, 0)] };
        let say = |pair: usize| Prediction { id: data.examples[pair].id.clone(), answer: "True".into() };
        let all = [say(0), say(1)];
        let evaluated = |predictions| EvaluationFiles {
            data: &data,
            predictions,
            left_out: 2 - predictions.len(),
            models: Vec::new(),
            training: None,
            vocabulary: None,
            without: None,
            features: Vec::new(),
            environment: HostFacts::computing("cpu", 1, BTreeMap::new()).into(),
        };
        let record = write_evaluation(folder.path(), evaluated(&all)).unwrap();
        assert_eq!(ResultRecord::read(folder.path()).unwrap(), record);
        assert_eq!((record.accuracy, record.consistency, record.n, record.left_out), (50.0, Some(0.0), 2, 0));
        let items = items::read_verified(folder.path(), record.items.as_ref().unwrap()).unwrap();
        assert_eq!((items.len(), items::accuracy(&items)), (2, Some(50.0)));
        assert!(folder.path().join("valid_predict.csv").exists());
        let part = write_evaluation(folder.path(), evaluated(&all[..1])).unwrap();
        assert_eq!((part.accuracy, part.consistency, part.examples, part.left_out), (100.0, None, 2, 1));
    }
}
