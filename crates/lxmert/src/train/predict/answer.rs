//! Computes scores and best answers of questions, with one model or with the mean of several.

use tch::{Device, Kind, Tensor};

use super::{EvalBatch, cached, reference};
use crate::model::TaskModel;
use crate::train::out_of_memory;
use base::error::{Error, Result};
use data::dataset::{Prediction, Task};
use torch_shim::gpu_memory;
use trainings::examples::PreparedSplit;
use trainings::options::Average;

/// How answers are computed. Both ways give the same answers up to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PredictMode {
    /// Encodes each image and each distinct sentence once, without padding, and skips what the answer does not depend on.
    #[default]
    Cached,
    /// Runs every question separately through the whole model, padded to [`trainings::examples::MAX_WORDS`] words, as the original
    /// does.
    Reference,
}

/// Returns the answer of each prepared example, in order. The scores of several models are averaged. A batch of examples is
/// processed at a time; then `seen` is called with their number. If the memory of the device is exhausted, the batch is halved.
///
/// # Errors
/// Data if scores are not finite; infra if the memory is not enough for one example.
pub fn predict(
    models: &[&TaskModel],
    average: Average,
    questions: &PreparedSplit,
    batch: &EvalBatch,
    seen: impl FnMut(usize),
) -> Result<Vec<Prediction>> {
    predict_with_mode(PredictMode::default(), models, average, questions, batch, seen)
}

/// Like [`predict`], but stops when `seen` fails.
///
/// # Errors
/// Those of [`predict`] and of `seen`.
pub fn predict_while(
    models: &[&TaskModel],
    average: Average,
    questions: &PreparedSplit,
    batch: &EvalBatch,
    seen: impl FnMut(usize) -> Result<()>,
) -> Result<Vec<Prediction>> {
    classes(PredictMode::default(), models, average, questions, batch, seen)
}

/// Like [`predict`], with a choice of how answers are computed.
///
/// # Errors
/// Those of [`predict`].
pub fn predict_with_mode(
    mode: PredictMode,
    models: &[&TaskModel],
    average: Average,
    questions: &PreparedSplit,
    batch: &EvalBatch,
    mut seen: impl FnMut(usize),
) -> Result<Vec<Prediction>> {
    classes(mode, models, average, questions, batch, |examples| {
        seen(examples);
        Ok(())
    })
}

fn classes(
    mode: PredictMode,
    models: &[&TaskModel],
    average: Average,
    questions: &PreparedSplit,
    batch: &EvalBatch,
    mut seen: impl FnMut(usize) -> Result<()>,
) -> Result<Vec<Prediction>> {
    let mut best_classes = vec![0; questions.examples.len()];
    scores(mode, models, average, questions, batch, |positions, scores| {
        for (&position, class) in positions.iter().zip(best(scores)) {
            best_classes[position] = class;
        }
        seen(positions.len())
    })?;
    Ok(best_classes.into_iter().enumerate().map(|(position, class)| prediction(questions, position, class)).collect())
}

/// Calls `each` with the positions of prepared examples and their scores (B, answers), averaged over the models. Each example
/// appears once.
///
/// # Errors
/// Those of `each`, which stop it; data if scores are not finite; infra if the memory is not enough for one example.
pub fn scores(
    mode: PredictMode,
    models: &[&TaskModel],
    average: Average,
    questions: &PreparedSplit,
    batch: &EvalBatch,
    mut each: impl FnMut(&[usize], &Tensor) -> Result<()>,
) -> Result<()> {
    if models.is_empty() {
        return Err(Error::bug("no model answers"));
    }
    questions.source.check_length()?;
    let order = match mode {
        PredictMode::Cached => cached::order(questions),
        PredictMode::Reference => (0..questions.examples.len()).collect(),
    };
    let mut done = 0;
    while done < order.len() {
        let left = &order[done..];
        let each = |positions: &[usize], logits: Vec<Tensor>| {
            logits.iter().try_for_each(|logits| check_finite(questions, positions, logits))?;
            each(positions, &average_scores(logits, average, questions.data.task))?;
            done += positions.len();
            Ok(())
        };
        let ended = out_of_memory::catch(|| match mode {
            PredictMode::Cached => cached::logits(models, questions, left, batch.size(), each),
            PredictMode::Reference => reference::logits(models, questions, left, batch.size(), each),
        });
        match ended {
            Some(ended) => ended?,
            None => free_memory(models[0].parameters().device(), batch)?,
        }
    }
    Ok(())
}

/// Prepares for answering with smaller batches.
///
/// # Errors
/// Infra if the memory was exhausted by a single example.
fn free_memory(device: Device, batch: &EvalBatch) -> Result<()> {
    if !batch.halve() {
        return Err(Error::infra("the memory of the device is not enough to answer a single question")
            .next("end other programs that use it, or use --device cpu"));
    }
    if device.is_cuda() { gpu_memory::empty_cache() } else { Ok(()) }
}

/// Checks that scores are neither NaN nor infinite. Weights are checked when they are loaded, so the features of a question are
/// the likeliest cause.
fn check_finite(questions: &PreparedSplit, positions: &[usize], logits: &Tensor) -> Result<()> {
    let finite = logits.isfinite().all_dim(1, false);
    if bool::try_from(finite.all()).unwrap_or(false) {
        return Ok(());
    }
    let rows = finite.to_device(Device::Cpu).to_kind(Kind::Int64);
    let bad: Vec<usize> =
        positions.iter().zip(0_i64..).filter(|(_, row)| rows.int64_value(&[*row]) == 0).map(|(at, _)| *at).collect();
    let Some(first) = bad.iter().min() else { return Err(Error::bug("no question has the score that is not finite")) };
    let example = &questions.data.examples[questions.examples[*first].index];
    Err(Error::data(format!("the model's scores for question {} are not finite (NaN or infinite)", example.id))
        .because(format!("this affects {} of the {} questions of its batch", bad.len(), positions.len()))
        .next(format!(
            "check the features of {} with `repro features inspect`; if they are correct, the weights are too large to \
             compute with",
            example.images.join(" and ")
        )))
}

/// Returns the mean of several models' scores (B, answers), or the logits of a single model.
pub(super) fn average_scores(mut logits: Vec<Tensor>, average: Average, task: Task) -> Tensor {
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

/// Returns the highest-scored answer for each row of logits (B, answers); the first one if several are equal.
pub(in crate::train) fn best_answers(
    questions: &PreparedSplit,
    positions: &[usize],
    logits: &Tensor,
) -> Vec<Prediction> {
    positions.iter().zip(best(logits)).map(|(&position, class)| prediction(questions, position, class)).collect()
}

pub(super) fn best(scores: &Tensor) -> Vec<usize> {
    let best = scores.argmax(1, false).to_device(Device::Cpu).to_kind(Kind::Int64);
    (0..best.numel() as i64).map(|row| best.int64_value(&[row]) as usize).collect()
}

pub(super) fn prediction(questions: &PreparedSplit, position: usize, class: usize) -> Prediction {
    let example = &questions.data.examples[questions.examples[position].index];
    Prediction { id: example.id.clone(), answer: questions.answers[class].clone() }
}
