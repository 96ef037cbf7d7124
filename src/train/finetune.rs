//! The fine-tuning loop of the original's three programs (src/tasks/{vqa,gqa,nlvr2}.py @ 0db1182).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tch::Tensor;

use super::batches::{self, Ready};
use super::bert_adam;
use super::gradients;
use super::metrics::{Line, Metrics};
use super::optimiser::{Optim, Optimiser};
use super::predict;
use super::questions::Questions;
use super::weights::{self, Description};
use crate::dataset::{self, Label, Prediction, Task};
use crate::error::{Error, Result};
use crate::lxrt::{Pass, TaskModel, losses};

/// L2 norm to which gradients are clipped (all three programs).
const CLIP: f64 = 5.0;
/// Share of the steps that warm up.
const WARMUP: f64 = 0.1;

/// What a run decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Passes over the training data.
    pub epochs: u64,
    /// Examples a step; an incomplete last batch is dropped.
    pub batch_size: usize,
    /// Examples a batch when validating.
    pub eval_batch_size: usize,
    /// Peak learning rate.
    pub lr: f64,
    /// Update rule.
    pub optim: Optim,
    /// Decides data order and dropout.
    pub seed: u64,
    /// GQA: cross entropy with the best answer in place of binary cross entropy.
    pub mce_loss: bool,
    /// Folder of BEST, LAST, log.log and metrics.jsonl.
    pub output: PathBuf,
    /// Also writes BEST.pth and LAST.pth.
    pub pth: bool,
    /// What the written weights say about themselves.
    pub description: Description,
}

/// Hears about the run as it goes.
pub trait Observer {
    /// After each step: examples done in this epoch, their mean score so far (0 to 1), and the batch's loss.
    fn step(&mut self, epoch: u64, done: usize, score: f64, loss: f64);
    /// Validation goes over so many more examples.
    fn validated(&mut self, examples: usize);
    /// After each epoch, the lines that log.log got.
    fn epoch(&mut self, lines: &str);
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Training score of the last epoch, 0 to 1.
    pub train: f64,
    /// Best validation score, 0 to 1, and its epoch; None without validation data or where no score was above 0.
    pub best: Option<(f64, u64)>,
    /// Validation score of the last epoch.
    pub last_valid: Option<f64>,
    /// Optimiser steps taken.
    pub steps: u64,
}

/// Trains `model` on `train`, validating after each epoch on `valid`. Data order and dropout depend on the seed alone.
pub fn run(
    model: &TaskModel,
    train: &Questions,
    valid: Option<&Questions>,
    settings: &Settings,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    let steps_per_epoch = train.questions.len() / settings.batch_size.max(1);
    check(train, valid, settings, steps_per_epoch)?;
    let output = &settings.output;
    std::fs::create_dir_all(output).map_err(|e| Error::io("create the folder", output, &e))?;
    let total = steps_per_epoch as u64 * settings.epochs;
    let mut run = Run {
        model,
        train,
        settings,
        parameters: model.parameters().named().into_iter().map(|(_, t)| t).collect(),
        optimiser: Optimiser::new(settings.optim, bert_adam::Settings::new(settings.lr, WARMUP, Some(total))),
        metrics: Metrics::create(&output.join("metrics.jsonl"))?,
        steps: 0,
    };
    let mut outcome = Outcome { train: 0.0, best: None, last_valid: None, steps: total };
    for epoch in 0..settings.epochs {
        let started = Instant::now();
        let given = run.epoch(epoch, observer)?;
        let seconds = started.elapsed().as_secs_f64();
        outcome.train = dataset::score(&train.data, &given)?;
        let mut lines = format!("\nEpoch {epoch}: Train {:.2}\n", outcome.train * 100.0);
        if let Some(valid) = valid {
            let given = predict::predict(model, valid, settings.eval_batch_size, |n| observer.validated(n))?;
            let score = dataset::score(&valid.data, &given)?;
            outcome.last_valid = Some(score);
            if score > outcome.best.map_or(0.0, |(best, _)| best) {
                outcome.best = Some((score, epoch));
                weights::save(model, output, "BEST", &settings.description, settings.pth)?;
            }
            let best = outcome.best.map_or(0.0, |(best, _)| best);
            lines += &format!("Epoch {epoch}: Valid {:.2}\nEpoch {epoch}: Best {:.2}\n", score * 100.0, best * 100.0);
        }
        append(&output.join("log.log"), &lines)?;
        run.metrics.write(&Line::Epoch {
            epoch,
            train: outcome.train * 100.0,
            valid: outcome.last_valid.map(|score| score * 100.0),
            best: valid.map(|_| outcome.best.map_or(0.0, |(best, _)| best * 100.0)),
            examples_per_second: given.len() as f64 / seconds,
        })?;
        observer.epoch(&lines);
    }
    weights::save(model, output, "LAST", &settings.description, settings.pth)?;
    Ok(outcome)
}

/// A run in progress.
struct Run<'a> {
    model: &'a TaskModel,
    train: &'a Questions,
    settings: &'a Settings,
    parameters: Vec<Tensor>,
    optimiser: Optimiser,
    metrics: Metrics,
    steps: u64,
}

impl Run<'_> {
    /// Goes over the training data once; the answers given on the way.
    fn epoch(&mut self, epoch: u64, observer: &mut dyn Observer) -> Result<Vec<Prediction>> {
        let train = self.train;
        let order = batches::shuffled(train.questions.len(), self.settings.seed, epoch);
        let (size, device) = (self.settings.batch_size, self.model.parameters().device());
        let mut given = Vec::with_capacity(order.len());
        let mut score = 0.0;
        std::thread::scope(|scope| {
            for ready in batches::stream(scope, train, order, size, true, device) {
                let (loss, answered) = self.step(&ready)?;
                score += ready.positions.iter().zip(&answered).map(|(&p, a)| points(train, p, a)).sum::<f64>();
                given.extend(answered);
                observer.step(epoch, given.len(), score / given.len() as f64, loss);
            }
            Ok(given)
        })
    }

    /// One optimiser step; the loss and the answers before it.
    fn step(&mut self, ready: &Ready) -> Result<(f64, Vec<Prediction>)> {
        let target = ready.target.as_ref().ok_or_else(|| Error::bug("a training batch has no target"))?;
        // Dropout of a step depends on seed and step alone, not on what ran before it.
        tch::manual_seed(step_seed(self.settings.seed, self.steps));
        let logits = self.model.forward(&ready.batch, Pass::TRAIN);
        let loss = match (self.train.data.task, self.settings.mce_loss) {
            (Task::Nlvr2, _) => losses::classes(&logits, target),
            (_, true) => losses::hard_answers(&logits, target),
            (_, false) => losses::soft_answers(&logits, target),
        };
        let gradients = gradients::gradients(&loss, &self.parameters);
        let grad_norm = gradients::norm(&gradients);
        let loss = loss.double_value(&[]);
        if !loss.is_finite() || !grad_norm.is_finite() {
            return Err(diverged(self.train, &ready.positions, self.steps, loss, grad_norm));
        }
        let lr = self.optimiser.step(&self.parameters, &gradients, gradients::clip_factor(grad_norm, CLIP));
        self.steps += 1;
        self.metrics.write(&Line::Step { step: self.steps, loss, grad_norm, lr })?;
        Ok((loss, predict::answered(self.train, &ready.positions, &logits)))
    }
}

/// What one answer earns.
fn points(questions: &Questions, position: usize, prediction: &Prediction) -> f64 {
    match &questions.data.examples[questions.questions[position].index].label {
        Some(Label::Soft(scores)) => scores.get(&prediction.answer).copied().unwrap_or(0.0),
        Some(Label::Class(class)) => f64::from(u8::from(dataset::nlvr2_answer(*class) == prediction.answer)),
        None => 0.0,
    }
}

fn check(train: &Questions, valid: Option<&Questions>, settings: &Settings, steps_per_epoch: usize) -> Result<()> {
    if settings.epochs == 0 || settings.batch_size == 0 || settings.eval_batch_size == 0 {
        return Err(Error::usage("epochs and batch sizes must be at least 1"));
    }
    for questions in std::iter::once(train).chain(valid) {
        if !questions.data.is_labelled() {
            return Err(Error::usage(format!(
                "{} {} has no labels and can be neither trained nor validated on",
                questions.data.task,
                questions.data.splits.join(",")
            ))
            .next("choose a labelled split; `repro predict` answers unlabelled ones"));
        }
    }
    if steps_per_epoch == 0 {
        return Err(Error::usage(format!(
            "{} training examples do not fill one batch of {}",
            train.questions.len(),
            settings.batch_size
        ))
        .next("use a smaller --batch-size: an incomplete last batch is dropped"));
    }
    Ok(())
}

fn diverged(train: &Questions, positions: &[usize], step: u64, loss: f64, norm: f64) -> Error {
    let ids: Vec<String> =
        positions.iter().take(5).map(|&p| train.data.examples[train.questions[p].index].id.to_string()).collect();
    Error::data(format!("training broke at step {}: loss {loss}, gradient norm {norm}", step + 1))
        .because(format!("the batch of {} examples with ids {}, …", positions.len(), ids.join(", ")))
        .next("inspect these examples' features (`repro features inspect`), or lower --lr; the weights of this step were not changed")
}

/// Mixes seed and step so that neighbouring steps get unrelated generators.
fn step_seed(seed: u64, step: u64) -> i64 {
    let mixed = (seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ (mixed >> 31)) as i64
}

fn append(path: &Path, text: &str) -> Result<()> {
    let open = std::fs::OpenOptions::new().create(true).append(true).open(path);
    open.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| Error::io("write", path, &e))
}
