//! The fine-tuning loop of the original's three programs (src/tasks/{vqa,gqa,nlvr2}.py @ 0db1182), with snapshots from which a
//! run goes on to the same bytes as without a break.

use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};
pub use trainings::finetune::Settings;

use super::batches;
use super::predict;
use super::step::{Rule, Step, Stepper};
use super::weights;
use crate::model::TaskModel;
use crate::train::machine::machine;
use base::error::{Error, Result};
use base::signals::AtWork;
use data::dataset::{self, Prediction};
use lxmert_spec::loading::Policy;
use trainings::alone::alone_in;
use trainings::begin::{self, Begun};
use trainings::choices::Average;
use trainings::finetune::identity::identity;
use trainings::log_files::Marks;
use trainings::logs::Logs;
pub use trainings::outcome::Outcome;
use trainings::outcome::{Facts, Finished};
use trainings::questions::Questions;
use trainings::snapshot::{self, ENDING, Identity, Next, Snapshots, stopped};
use trainings::tally::Tally;
use trainings::written::Written;

/// Hears about the run as it goes.
pub trait Observer {
    /// The folder is this run's own, and a snapshot is there: a first one, or the one from which it is resumed.
    ///
    /// # Errors
    /// Whatever keeps the observer from its work ends the run.
    fn begun(&mut self, _resumed: bool) -> Result<()> {
        Ok(())
    }
    /// After each step: examples done in this epoch, their mean score so far (0 to 1), and the batch's loss.
    fn step(&mut self, epoch: u64, done: usize, score: f64, loss: f64);
    /// Validation goes over so many more examples.
    fn validated(&mut self, examples: usize);
    /// After each epoch, the lines that log.log got.
    fn epoch(&mut self, lines: &str);
    /// What a person should know about a break.
    fn note(&mut self, text: &str);
}

/// Where a run is: with the weights and the optimiser's state, all that the rest of it depends on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Position {
    epoch: u64,
    /// Steps of the epoch that are done. With all of them done, validation is still to come.
    steps: usize,
    /// Score of the epoch's training answers.
    tally: Tally,
    /// Spent on the epoch's training.
    seconds: f64,
    best: Option<(f64, u64)>,
    last_valid: Option<f64>,
    logs: Marks,
    /// The best weights as they were written; absent in snapshots of older programs.
    #[serde(default)]
    weights: Written,
}

impl begin::Position for Position {
    fn reached(&self) -> (u64, u64) {
        (self.epoch, self.steps as u64)
    }

    fn flaw(&self, batch_size: u64) -> Option<String> {
        let answers = (self.steps as u64).checked_mul(batch_size);
        if !answers.is_some_and(|answers| self.tally.is_of(answers)) {
            return Some(format!(
                "a score of {} over {} answers is not one of {} steps of {batch_size}",
                self.tally.mean(),
                self.tally.count(),
                self.steps
            ));
        }
        let scores = self.best.iter().map(|(score, _)| score).chain(&self.last_valid);
        if let Some(score) = scores.into_iter().find(|score| !(0.0..=1.0).contains(*score)) {
            return Some(format!("a validation score of {score} is not between 0 and 1"));
        }
        if let Some((_, best)) = self.best.filter(|(_, best)| *best > self.epoch) {
            return Some(format!("the best epoch is {best}, in epoch {}", self.epoch));
        }
        (!(0.0..=begin::LONGEST).contains(&self.seconds)).then(|| format!("the epoch has taken {} s", self.seconds))
    }
}

/// Trains `model` on `train`, validating after each epoch on `valid`. Data order and dropout depend on the seed alone. Ends with
/// the last epoch's weights in `model`.
///
/// # Errors
/// Usage for settings that do not fit the data or what is in the output folder; data where loss or gradients are not finite;
/// interrupted where a signal asked for it, once a snapshot is written.
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
    let _alone = alone_in(output, &[&settings.snapshots.folder])?;
    let identity = identity(settings, train, valid, machine(model.parameters().device()));
    let load = || weights::load(model, &output.join("LAST.safetensors"), Policy::FineTuned, false).map(drop);
    let beginning = begin::begin(output, &settings.snapshots, &identity, load, &mut |text| observer.note(text))?;
    let Begun::<Position> { snapshots, at_work, from } = match beginning {
        ControlFlow::Break(outcome) => return Ok(outcome),
        ControlFlow::Continue(begun) => begun,
    };
    let Settings { optim, lr, seed, mce_loss, epochs, .. } = *settings;
    let per_epoch = steps_per_epoch as u64;
    if let Some(from) = &from {
        begin::check(from, (epochs, per_epoch), settings.batch_size as u64)?;
    }
    let rule = Rule { optim, lr, seed, mce_loss, total: per_epoch * epochs };
    let mut run = Run {
        model,
        train,
        valid,
        settings,
        stepper: Stepper::new(model, train, rule),
        logs: Logs::open(output, from.as_ref().map(|from| from.position.logs))?,
        at: Position::default(),
        snapshots,
        at_work,
    };
    // From here on a signal makes it write one.
    run.at_work.announce(snapshot::writing(run.stepper.state_bytes()));
    let resumed = from.is_some();
    run.at = match from {
        Some(snapshot) => {
            let restore = |step, tensors: &_| run.stepper.restore(step, tensors);
            begin::go_on(snapshot, restore, &mut |text| observer.note(text))?
        }
        None => begin::first(&mut run.snapshots, Position { logs: run.logs.mark()?, ..Position::default() })?,
    };
    observer.begun(resumed)?;
    run.end(identity, observer)
}

/// A run in progress.
struct Run<'a> {
    model: &'a TaskModel,
    train: &'a Questions,
    valid: Option<&'a Questions>,
    settings: &'a Settings,
    stepper: Stepper<'a>,
    at: Position,
    logs: Logs,
    snapshots: Snapshots,
    at_work: AtWork,
}

impl Run<'_> {
    fn end(mut self, identity: Identity, observer: &mut dyn Observer) -> Result<Outcome> {
        let mut train = 0.0;
        while self.at.epoch < self.settings.epochs {
            self.epoch(observer)?;
            train = self.at.tally.mean();
            self.validate(observer)?;
            self.tell(observer)?;
            let Position { epoch, best, last_valid, weights, .. } = std::mem::take(&mut self.at);
            self.at = Position { epoch: epoch + 1, best, last_valid, weights, ..Position::default() };
        }
        self.at_work.announce(ENDING);
        let Position { best, last_valid, .. } = self.at;
        let outcome = Outcome { train, best, last_valid, steps: self.stepper.steps() };
        self.logs.mark()?;
        // In this order: killed between any two of these, a resumed run does the rest again.
        let Settings { output, description, vocabulary, pth, .. } = self.settings;
        let mut weights = std::mem::take(&mut self.at.weights);
        weights.extend(weights::save(self.model, output, "LAST", description, vocabulary.as_deref(), *pth)?);
        if best.is_some() {
            trainings::written::add_missing(&mut weights, output, "BEST.safetensors")?;
        }
        let loaded = self.settings.loaded.clone().unwrap_or_default();
        let facts = Facts {
            not_loaded: loaded.lacking,
            should_load: loaded.promised,
            train_left_out: self.train.dropped(),
            valid_left_out: self.valid.map_or(0, Questions::dropped),
        };
        let finished = Finished { outcome, identity, facts, weights };
        finished.write(output)?;
        self.snapshots.clear()?;
        Ok(finished.outcome)
    }

    /// Takes the epoch's steps that are still to be taken.
    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let train = self.train;
        train.source.check_length()?;
        let Settings { seed, batch_size, .. } = *self.settings;
        let mut order = batches::shuffled(train.questions.len(), seed, self.at.epoch);
        order.drain(..self.at.steps * batch_size);
        let (device, started, before) = (self.model.parameters().device(), Instant::now(), self.at.seconds);
        std::thread::scope(|scope| {
            for ready in batches::stream(scope, train, &order, batch_size, true, 0, device) {
                let Step { loss, grad_norm, lr, answered, .. } = self.stepper.step(&ready)?;
                let step = self.stepper.steps();
                self.logs.step(step, loss, grad_norm, lr)?;
                for (&position, answer) in ready.positions.iter().zip(&answered) {
                    self.at.tally.add(points(train, position, answer));
                }
                self.at.steps += 1;
                self.at.seconds = before + started.elapsed().as_secs_f64();
                observer.step(self.at.epoch, self.at.tally.count() as usize, self.at.tally.mean(), loss);
                match self.snapshots.next(step, &self.at_work) {
                    Next::Step => {}
                    Next::Snapshot => self.snapshot()?,
                    Next::Stop => {
                        self.snapshot()?;
                        return Err(stopped(step, self.snapshots.folder()));
                    }
                }
            }
            Ok(())
        })
    }

    /// Scores the validation data and keeps the best weights. Asked to stop, it leaves a snapshot of the epoch's last step.
    fn validate(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let Some(valid) = self.valid else { return Ok(()) };
        let seen = |examples| {
            observer.validated(examples);
            match self.at_work.asked_by() {
                None => Ok(()),
                Some(_) => Err(stopped(self.stepper.steps(), self.snapshots.folder())),
            }
        };
        let size = self.settings.eval_batch_size;
        let given = match predict::predict_while(&[self.model], Average::default(), valid, size, seen) {
            Err(stopped) if self.at_work.asked_by().is_some() => {
                self.snapshot()?;
                return Err(stopped);
            }
            given => given?,
        };
        let score = dataset::score(&valid.data, &given)?;
        self.at.last_valid = Some(score);
        if score > self.at.best.map_or(0.0, |(best, _)| best) {
            self.at.best = Some((score, self.at.epoch));
            let Settings { output, description, vocabulary, pth, .. } = self.settings;
            self.at.weights = weights::save(self.model, output, "BEST", description, vocabulary.as_deref(), *pth)?;
        }
        Ok(())
    }

    /// Writes the epoch's lines.
    fn tell(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let Position { epoch, tally, seconds, best, last_valid, .. } = self.at;
        let valid = last_valid.map(|score| (score, best.map_or(0.0, |(best, _)| best)));
        let examples_per_second = tally.count() as f64 / seconds;
        let lines = self.logs.epoch(epoch, self.stepper.steps(), tally.mean(), valid, examples_per_second)?;
        observer.epoch(&lines);
        Ok(())
    }

    fn snapshot(&mut self) -> Result<()> {
        self.at.logs = self.logs.mark()?;
        self.snapshots.write(self.stepper.steps(), &self.at, &self.stepper.state())
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
    if (steps_per_epoch as u64).checked_mul(settings.epochs).is_none() {
        return Err(Error::usage(format!("{} epochs are more than can be counted", settings.epochs))
            .next("choose a smaller --epochs"));
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

#[cfg(test)]
mod tests;
