//! The fine-tuning loop of the original's three programs (src/tasks/{vqa,gqa,nlvr2}.py @ 0db1182).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::batches;
use super::metrics::{Line, Metrics};
use super::optimiser::Optim;
use super::predict::{self, Average};
use super::questions::Questions;
use super::step::{Rule, Step, Stepper};
use super::weights::{self, Description};
use crate::dataset::{self, Prediction};
use crate::error::{Error, Result};
use crate::lxrt::TaskModel;

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
        stepper: Stepper::new(
            model,
            train,
            Rule { optim: settings.optim, lr: settings.lr, seed: settings.seed, mce_loss: settings.mce_loss, total },
        ),
        metrics: Metrics::create(&output.join("metrics.jsonl"))?,
    };
    let mut outcome = Outcome { train: 0.0, best: None, last_valid: None, steps: total };
    for epoch in 0..settings.epochs {
        let started = Instant::now();
        let given = run.epoch(epoch, observer)?;
        let seconds = started.elapsed().as_secs_f64();
        outcome.train = dataset::score(&train.data, &given)?;
        let mut lines = format!("\nEpoch {epoch}: Train {:.2}\n", outcome.train * 100.0);
        if let Some(valid) = valid {
            let given = predict::predict(&[model], Average::default(), valid, settings.eval_batch_size, |n| {
                observer.validated(n)
            })?;
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
    stepper: Stepper<'a>,
    metrics: Metrics,
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
            for ready in batches::stream(scope, train, &order, size, true, 0, device) {
                let Step { loss, grad_norm, lr, answered, .. } = self.stepper.step(&ready)?;
                self.metrics.write(&Line::Step { step: self.stepper.steps(), loss, grad_norm, lr })?;
                score += ready.positions.iter().zip(&answered).map(|(&p, a)| points(train, p, a)).sum::<f64>();
                given.extend(answered);
                observer.step(epoch, given.len(), score / given.len() as f64, loss);
            }
            Ok(given)
        })
    }
}

/// What one answer earns.
fn points(questions: &Questions, position: usize, prediction: &Prediction) -> f64 {
    let label = questions.data.examples[questions.questions[position].index].label.as_ref();
    label.map_or(0.0, |label| label.points(&prediction.answer))
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

fn append(path: &Path, text: &str) -> Result<()> {
    let open = std::fs::OpenOptions::new().create(true).append(true).open(path);
    open.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| Error::io("write", path, &e))
}
