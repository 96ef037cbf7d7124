//! Writes evaluation folders like those of `repro evaluate --output`, without a model and without libtorch.

use std::path::Path;

use serde_json::{Value, json};

use data::dataset::{Example, Id, Label, Prediction, Task, TaskData};
use judge::evidence::result::{MachineRecord, ResultRecord, TrainingRecord};
use judge::evidence::write::{EvaluationFiles, write_evaluation};
use lxmert_spec::Config;

/// Number of items in NLVR2's published validation split.
pub(crate) const NLVR2: usize = 6982;
/// Number of these items that are labelled True; the others are False.
pub(crate) const TRUE: usize = 3551;

/// Returns a data set of NLVR2's published size: four image pairs per sentence, with the published number of true items.
pub(crate) fn nlvr2() -> TaskData {
    let example = |at: usize| Example {
        id: Id::Text(format!("dev-{}-{}-0", at / 4, at % 4)),
        images: vec![format!("dev-{at}-img0"), format!("dev-{at}-img1")],
        sentence: String::new(),
        label: Some(Label::Class(usize::from(at < TRUE))),
    };
    TaskData { task: Task::Nlvr2, splits: vec!["valid".into()], examples: (0..NLVR2).map(example).collect() }
}

/// Returns answers of which `wrong` are wrong: every `step`-th one, starting at `from`.
pub(crate) fn answers(data: &TaskData, wrong: usize, from: usize, step: usize) -> Vec<Prediction> {
    let mut right: Vec<bool> = data.examples.iter().map(|example| example.label == Some(Label::Class(1))).collect();
    let all = right.len();
    for at in (0..wrong).map(|at| (from + at * step) % all) {
        right[at] = !right[at];
    }
    let say = |(example, is_true): (&Example, bool)| Prediction {
        id: example.id.clone(),
        answer: if is_true { "True" } else { "False" }.to_owned(),
    };
    data.examples.iter().zip(right).map(say).collect()
}

/// Returns the options of `repro train nlvr2` with the paper's settings.
pub(crate) fn faithful(seed: u64) -> Value {
    json!({
        "task": "nlvr2", "--train": "train", "--epochs": 4, "--batch-size": 32, "--lr": 5e-5, "--optim": "bert",
        "--seed": seed, "--tiny": false, "--fast": false, "--mce-loss": false, "model": Config::lxr955(),
        "start": { "--load-lxmert": "snap/pretrained/model" },
        "training data": { "splits": "train", "without": null, "features": [] },
    })
}

/// What an evaluation folder should contain.
pub(crate) struct EvaluationSpec<'l> {
    pub data: &'l TaskData,
    pub predictions: &'l [Prediction],
    pub left_out: usize,
    pub options: Value,
    pub not_loaded: &'l [&'l str],
}

/// Writes an evaluation into a folder.
pub(crate) fn evaluation(folder: &Path, left: &EvaluationSpec) -> ResultRecord {
    let training = TrainingRecord {
        options: serde_json::from_value(left.options.clone()).unwrap(),
        steps: 10,
        best_epoch: Some(3),
        validation: Vec::new(),
        not_loaded: left.not_loaded.iter().map(|name| (*name).to_owned()).collect(),
        should_load: 474,
        left_out: 0,
        ..TrainingRecord::default()
    };
    let evaluated = EvaluationFiles {
        data: left.data,
        predictions: left.predictions,
        left_out: left.left_out,
        models: Vec::new(),
        training: Some(training),
        vocabulary: None,
        without: None,
        features: Vec::new(),
        environment: MachineRecord {
            program: "0.1.0".into(),
            threads: 2,
            device: "cpu".into(),
            ..MachineRecord::default()
        },
    };
    std::fs::create_dir_all(folder).unwrap();
    write_evaluation(folder, evaluated).unwrap()
}

/// Writes an evaluation that follows the protocol, with this accuracy in points (rounded to whole items).
pub(crate) fn seed(folder: &Path, data: &TaskData, seed: u64, accuracy: f64) -> ResultRecord {
    let wrong = ((1.0 - accuracy / 100.0) * data.examples.len() as f64).round() as usize;
    // A prime step spreads the wrong answers over true and false ones.
    let predictions = answers(data, wrong, seed as usize * 31, 7919);
    let left =
        EvaluationSpec { data, predictions: &predictions, left_out: 0, options: faithful(seed), not_loaded: &[] };
    evaluation(folder, &left)
}
