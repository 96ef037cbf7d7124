//! A trained model's answers.

use tch::{Device, Kind, Tensor};

use super::batches;
use super::questions::Questions;
use crate::dataset::Prediction;
use crate::error::Result;
use crate::lxrt::{Pass, TaskModel};

/// The answer of each usable example, in order. `seen` hears how many examples are done.
pub fn predict(
    model: &TaskModel,
    questions: &Questions,
    batch_size: usize,
    mut seen: impl FnMut(usize),
) -> Result<Vec<Prediction>> {
    let device = model.parameters().device();
    let order = (0..questions.questions.len()).collect();
    let mut predictions = Vec::with_capacity(questions.questions.len());
    std::thread::scope(|scope| {
        for ready in batches::stream(scope, questions, order, batch_size, false, device) {
            let logits = tch::no_grad(|| model.forward(&ready.batch, Pass::EVAL));
            predictions.extend(answered(questions, &ready.positions, &logits));
            seen(ready.positions.len());
        }
    });
    Ok(predictions)
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
