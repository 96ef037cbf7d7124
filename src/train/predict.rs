//! A trained model's answers.

use tch::{Device, Kind, Tensor};

use super::batches;
use super::questions::Questions;
use crate::dataset::{Prediction, Task};
use crate::error::{Error, Result};
use crate::lxrt::{Pass, TaskModel};

/// What is averaged where several models answer together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Average {
    /// Probabilities: the sigmoid of VQA's and GQA's scores, the softmax of NLVR2's
    #[default]
    Probabilities,
    /// The scores before that
    Logits,
}

/// The answer of each usable example, in order; several models answer together. `seen` hears how many examples are done.
pub fn predict(
    models: &[&TaskModel],
    average: Average,
    questions: &Questions,
    batch_size: usize,
    mut seen: impl FnMut(usize),
) -> Result<Vec<Prediction>> {
    predict_while(models, average, questions, batch_size, |examples| {
        seen(examples);
        Ok(())
    })
}

/// As [`predict`], until `seen` fails.
///
/// # Errors
/// That of `seen`.
pub fn predict_while(
    models: &[&TaskModel],
    average: Average,
    questions: &Questions,
    batch_size: usize,
    mut seen: impl FnMut(usize) -> Result<()>,
) -> Result<Vec<Prediction>> {
    let device = models.first().ok_or_else(|| Error::bug("no model answers"))?.parameters().device();
    let order = (0..questions.questions.len()).collect();
    let mut predictions = Vec::with_capacity(questions.questions.len());
    std::thread::scope(|scope| {
        for ready in batches::stream(scope, questions, order, batch_size, false, device) {
            let logits = models.iter().map(|model| tch::no_grad(|| model.forward(&ready.batch, Pass::EVAL))).collect();
            let scores = together(logits, average, questions.data.task);
            predictions.extend(answered(questions, &ready.positions, &scores));
            seen(ready.positions.len())?;
        }
        Ok(predictions)
    })
}

/// The mean of several models' scores (B, answers); those of a single one as they are.
fn together(mut logits: Vec<Tensor>, average: Average, task: Task) -> Tensor {
    if logits.len() == 1 {
        return logits.remove(0);
    }
    let scores: Vec<Tensor> = match (average, task) {
        (Average::Logits, _) => logits,
        (Average::Probabilities, Task::Nlvr2) => logits.iter().map(|l| l.softmax(-1, Kind::Float)).collect(),
        (Average::Probabilities, _) => logits.iter().map(Tensor::sigmoid).collect(),
    };
    Tensor::stack(&scores, 0).mean_dim([0i64].as_slice(), false, Kind::Float)
}

/// The highest-scored answer of each row of logits (B, answers); the first of equals.
pub(super) fn answered(questions: &Questions, positions: &[usize], logits: &Tensor) -> Vec<Prediction> {
    let best = logits.argmax(1, false).to_device(Device::Cpu).to_kind(Kind::Int64);
    positions
        .iter()
        .enumerate()
        .map(|(row, &position)| {
            let class = best.int64_value(&[row as i64]) as usize;
            let example = &questions.data.examples[questions.questions[position].index];
            Prediction { id: example.id.clone(), answer: questions.answers[class].clone() }
        })
        .collect()
}
