//! Answers questions in batches with one model or several.

use tch::{Device, Kind, Tensor};

use super::{fast, plain};
use crate::model::TaskModel;
use base::error::{Error, Result};
use data::dataset::{Prediction, Task};
use trainings::examples::PreparedSplit;
use trainings::options::Average;

/// How answers are computed; both ways give the same up to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// Images and distinct sentences once each, without padding and without what the answer does not depend on.
    #[default]
    Fast,
    /// As the original: every question for itself, padded to [`trainings::examples::MAX_WORDS`] words, through the whole model.
    Plain,
}

/// The answer of each usable example, in order; several models answer together. `batch_size` examples are in work at a
/// time. `seen` hears how many more are done.
pub fn predict(
    models: &[&TaskModel],
    average: Average,
    questions: &PreparedSplit,
    batch_size: usize,
    seen: impl FnMut(usize),
) -> Result<Vec<Prediction>> {
    predict_by(Way::default(), models, average, questions, batch_size, seen)
}

/// As [`predict`], until `seen` fails.
///
/// # Errors
/// That of `seen`.
pub fn predict_while(
    models: &[&TaskModel],
    average: Average,
    questions: &PreparedSplit,
    batch_size: usize,
    seen: impl FnMut(usize) -> Result<()>,
) -> Result<Vec<Prediction>> {
    classes(Way::default(), models, average, questions, batch_size, seen)
}

/// As [`predict`], in a way of one's choice.
pub fn predict_by(
    way: Way,
    models: &[&TaskModel],
    average: Average,
    questions: &PreparedSplit,
    batch_size: usize,
    mut seen: impl FnMut(usize),
) -> Result<Vec<Prediction>> {
    classes(way, models, average, questions, batch_size, |examples| {
        seen(examples);
        Ok(())
    })
}

fn classes(
    way: Way,
    models: &[&TaskModel],
    average: Average,
    questions: &PreparedSplit,
    batch_size: usize,
    mut seen: impl FnMut(usize) -> Result<()>,
) -> Result<Vec<Prediction>> {
    let mut given = vec![0; questions.examples.len()];
    scores(way, models, average, questions, batch_size, |positions, scores| {
        for (&position, class) in positions.iter().zip(best(scores)) {
            given[position] = class;
        }
        seen(positions.len())
    })?;
    Ok(given.into_iter().enumerate().map(|(position, class)| prediction(questions, position, class)).collect())
}

/// Hands on positions of usable examples and their scores (B, answers) over all models, until each example was there once
/// or `each` fails.
///
/// # Errors
/// That of `each`; data where scores are not finite.
pub fn scores(
    way: Way,
    models: &[&TaskModel],
    average: Average,
    questions: &PreparedSplit,
    batch_size: usize,
    mut each: impl FnMut(&[usize], &Tensor) -> Result<()>,
) -> Result<()> {
    if models.is_empty() {
        return Err(Error::bug("no model answers"));
    }
    questions.source.check_length()?;
    let each = |positions: &[usize], logits: Vec<Tensor>| {
        logits.iter().try_for_each(|logits| refuse_not_finite(questions, positions, logits))?;
        each(positions, &together(logits, average, questions.data.task))
    };
    match way {
        Way::Fast => fast::logits(models, questions, batch_size.max(1), each),
        Way::Plain => plain::logits(models, questions, batch_size.max(1), each),
    }
}

/// Refuses scores that are NaN or infinite: the highest of them says nothing. Weights were found finite when they were
/// loaded, so what a question reads is the likeliest cause.
fn refuse_not_finite(questions: &PreparedSplit, positions: &[usize], logits: &Tensor) -> Result<()> {
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
        .because(format!("so are those of {} of {} questions answered together", bad.len(), positions.len()))
        .next(format!(
            "look at the features of {} with repro features inspect; where they are right, the weights are too large to \
             compute with",
            example.images.join(" and ")
        )))
}

/// The mean of several models' scores (B, answers); those of a single one as they are.
pub(super) fn together(mut logits: Vec<Tensor>, average: Average, task: Task) -> Tensor {
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
pub(in crate::train) fn answered(questions: &PreparedSplit, positions: &[usize], logits: &Tensor) -> Vec<Prediction> {
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
