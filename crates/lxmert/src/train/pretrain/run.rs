//! The pre-training loop (src/pretrain/lxmert_pretrain.py @ 0db1182), with snapshots from which a run goes on to the same bytes
//! as without a break.

use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::batches::{self, Feed, training_stream, validation_stream};
use super::logs::Logs;
use super::step::{Measuring, Rule, Stepper, WARMUP};
use super::sums::Sums;
use super::weights;
use crate::model::{Pass, PretrainingModel};
use crate::train::batches::shuffled;
use crate::train::machine::machine;
use base::error::{Error, Result};
use base::signals::AtWork;
use data::dataset::tokenizer::Tokenizer;
use trainings::alone::alone_in;
use trainings::begin::{self, Begun};
use trainings::log_files::Marks;
use trainings::outcome::{Facts, Finished};
use trainings::pretrain::data::Examples;
use trainings::pretrain::identity::identity;
use trainings::pretrain::settings::{Best, Outcome, Settings};
use trainings::snapshot::{self, ENDING, Identity, Next, Snapshots, stopped};
use trainings::written::{Written, add_missing};

/// Hears about the run as it goes.
pub trait Observer {
    /// The folder is this run's own, and a snapshot is there: a first one, or the one from which it is resumed.
    ///
    /// # Errors
    /// Whatever keeps the observer from its work ends the run.
    fn begun(&mut self, _resumed: bool) -> Result<()> {
        Ok(())
    }
    /// After each step: examples done in this epoch, and the batch's loss.
    fn step(&mut self, epoch: u64, done: usize, loss: f64);
    /// Validation goes over so many more examples.
    fn validated(&mut self, examples: usize);
    /// Lines that log.log gets too.
    fn lines(&mut self, lines: &str);
    /// What a person should know about a break.
    fn note(&mut self, note: &str);
}

/// Where a run is: with the weights and the optimiser's state, all that the rest of it depends on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Position {
    epoch: u64,
    /// Of the epoch's steps so far. With all of them done, validation is still to come.
    sums: Sums,
    /// Spent on the epoch's training.
    seconds: f64,
    best: Option<Best>,
    logs: Marks,
    /// The weights that the epochs before have written; absent in snapshots of older programs.
    #[serde(default)]
    weights: Written,
}

impl begin::Position for Position {
    fn reached(&self) -> (u64, u64) {
        (self.epoch, self.sums.batches)
    }

    fn flaw(&self, batch_size: u64) -> Option<String> {
        if let Some(best) = self.best.filter(|best| best.epoch > self.epoch || !best.loss.is_finite()) {
            return Some(format!("the best loss is {} in epoch {}, in epoch {}", best.loss, best.epoch, self.epoch));
        }
        if !(0.0..=begin::LONGEST).contains(&self.seconds) {
            return Some(format!("the epoch has taken {} s", self.seconds));
        }
        self.sums.flaw(batch_size)
    }
}

/// Pre-trains `model`, validating after each epoch. Data order, masking and dropout depend on the seed alone.
///
/// # Errors
/// Usage for settings that do not fit the data or what is in the output folder; data where loss or gradients are not finite;
/// interrupted where a signal asked for it, once a snapshot is written.
pub fn run(
    model: &PretrainingModel,
    tokenizer: &Tokenizer,
    train: &Examples,
    valid: Option<&Examples>,
    settings: &Settings,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    settings.check(train, valid)?;
    let output = &settings.output;
    std::fs::create_dir_all(output).map_err(|e| Error::io("create the folder", output, &e))?;
    let _alone = alone_in(output, &[&settings.snapshots.folder])?;
    let identity = identity(settings, train, valid, machine(model.parameters().device()));
    let load = || Ok(());
    let beginning = begin::begin(output, &settings.snapshots, &identity, load, &mut |text| observer.note(text))?;
    let Begun::<Position> { snapshots, at_work, from } = match beginning {
        ControlFlow::Break(outcome) => return Ok(outcome),
        ControlFlow::Continue(begun) => begun,
    };
    let tasks = settings.description.tasks;
    let per_epoch = settings.steps_per_epoch(train) as u64;
    let total = per_epoch * settings.epochs;
    if let Some(from) = &from {
        begin::check(from, (settings.epochs, per_epoch), settings.batch_size as u64)?;
    }
    let rule = Rule { tasks, lr: settings.lr, seed: settings.seed, total };
    let mut run = Run {
        model,
        tokenizer,
        train,
        valid,
        settings,
        per_epoch,
        stepper: Stepper::new(model, train.sentences, rule),
        logs: Logs::open(output, tasks, from.as_ref().map(|from| from.position.logs))?,
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
    if run.stepper.steps() == 0 {
        let warm = (total as f64 * WARMUP) as u64;
        run.say(&format!("Batch per epoch: {per_epoch}\nTotal Iters: {total}\nWarm up Iters: {warm}\n"), observer)?;
    }
    run.finish(identity, observer)
}

/// A run in progress.
struct Run<'a> {
    model: &'a PretrainingModel,
    tokenizer: &'a Tokenizer,
    train: &'a Examples<'a>,
    valid: Option<&'a Examples<'a>>,
    settings: &'a Settings,
    per_epoch: u64,
    stepper: Stepper<'a>,
    at: Position,
    logs: Logs,
    snapshots: Snapshots,
    at_work: AtWork,
}

impl<'a> Run<'a> {
    fn finish(mut self, identity: Identity, observer: &mut dyn Observer) -> Result<Outcome> {
        let Settings { output, pth, description, vocabulary, .. } = self.settings;
        let model = self.model;
        let save = |name: &str| weights::save(model, output, name, description, vocabulary.as_deref(), *pth);
        let tasks = description.tasks;
        let mut outcome = Outcome { steps: 0, train_loss: 0.0, valid_loss: None, best: None };
        while self.at.epoch < self.settings.epochs {
            let epoch = self.at.epoch;
            self.epoch(observer)?;
            // A run stopped while it validates goes on from here.
            self.at.logs = self.logs.mark()?;
            self.say(&self.at.sums.lines(&format!("The training loss for Epoch {epoch}"), tasks), observer)?;
            let valid = self.validate(observer)?;
            let (mut best, mut written) = (self.at.best, std::mem::take(&mut self.at.weights));
            if let Some(sums) = &valid {
                self.say(&sums.lines("The valid loss", tasks), observer)?;
                if best.is_none_or(|best| sums.loss() < best.loss) {
                    best = Some(Best { loss: sums.loss(), epoch });
                    written.extend(save("BEST_EVAL_LOSS")?);
                }
            }
            written.extend(save(&format!("Epoch{:02}", epoch + 1))?);
            let steps = self.stepper.steps();
            let speed = self.per_epoch as f64 * self.settings.batch_size as f64 / self.at.seconds;
            self.logs.epoch((epoch, steps), &self.at.sums, valid.as_ref(), best, speed)?;
            let train_loss = self.at.sums.loss();
            outcome = Outcome { steps, train_loss, valid_loss: valid.map(|sums| sums.loss()), best };
            self.at = Position { epoch: epoch + 1, best, weights: written, ..Position::default() };
        }
        self.at_work.announce(ENDING);
        self.logs.mark()?;
        // In this order: killed between any two of these, a resumed run does the rest again.
        let mut weights = std::mem::take(&mut self.at.weights);
        // A snapshot of an older program says nothing about the epochs before it.
        let best = outcome.best.map(|_| "BEST_EVAL_LOSS".to_owned());
        for stem in (1..=self.settings.epochs).map(|epoch| format!("Epoch{epoch:02}")).chain(best) {
            add_missing(&mut weights, output, &format!("{stem}_LXRT.safetensors"))?;
        }
        let finished = Finished { outcome, identity, facts: Facts::default(), weights };
        finished.write(output)?;
        self.snapshots.clear()?;
        Ok(finished.outcome)
    }

    /// Takes the epoch's steps that are still to be taken.
    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let (epoch, done) = (self.at.epoch, self.at.sums.batches);
        if done == self.per_epoch {
            return Ok(());
        }
        self.train.sentences.source.check_length()?;
        let (started, before) = (Instant::now(), self.at.seconds);
        let Settings { seed, batch_size, accumulate, .. } = *self.settings;
        let order = shuffled(self.train.sampler.len(), seed, epoch);
        let feed = self.feed(self.train, training_stream(epoch), batch_size, accumulate);
        std::thread::scope(|scope| {
            for ready in batches::stream(scope, feed, order, done as usize, true) {
                let Some(step) = self.stepper.part(&ready?)? else { continue };
                let number = self.stepper.steps();
                self.logs.step(number, &step)?;
                self.at.sums.add(&step.measured, &self.train.sentences.data);
                self.at.seconds = before + started.elapsed().as_secs_f64();
                observer.step(epoch, self.at.sums.batches as usize * batch_size, step.measured.loss);
                let next = self.snapshots.next(number, &self.at_work);
                if next != Next::Step {
                    self.at.logs = self.logs.mark()?;
                    self.snapshot()?;
                }
                if next == Next::Stop {
                    return Err(stopped(number, self.snapshots.folder()));
                }
            }
            Ok(())
        })
    }

    /// The losses on the validation data, on which masking is drawn anew after each epoch. Asked to stop, it leaves a snapshot of
    /// the epoch's last step.
    fn validate(&mut self, observer: &mut dyn Observer) -> Result<Option<Sums>> {
        let Some(valid) = self.valid else { return Ok(None) };
        valid.sentences.source.check_length()?;
        let feed = self.feed(valid, validation_stream(self.at.epoch), self.settings.eval_batch_size, 1);
        let order = (0..valid.sampler.len()).collect();
        let tasks = self.settings.description.tasks;
        let mut sums = Sums::default();
        std::thread::scope(|scope| {
            for ready in batches::stream(scope, feed, order, 0, false) {
                let ready = ready?;
                let mut measuring = Measuring::default();
                tch::no_grad(|| drop(measuring.add(self.model, &ready, tasks, Pass::EVAL)));
                sums.add(&measuring.finish(tasks, ready.counts), &valid.sentences.data);
                observer.validated(ready.examples.len());
                if self.at_work.asked_by().is_some() {
                    self.snapshot()?;
                    return Err(stopped(self.stepper.steps(), self.snapshots.folder()));
                }
            }
            Ok(Some(sums))
        })
    }

    fn feed(&self, examples: &'a Examples<'a>, stream: u64, batch_size: usize, parts: usize) -> Feed<'a> {
        Feed {
            tokenizer: self.tokenizer,
            examples,
            lenders: self.train,
            seed: self.settings.seed,
            stream,
            batch_size,
            parts,
            tasks: self.settings.description.tasks,
            device: self.model.parameters().device(),
        }
    }

    /// Writes where the run was after its last step, the logs being as long as they were at the last mark.
    fn snapshot(&mut self) -> Result<()> {
        self.snapshots.write(self.stepper.steps(), &self.at, &self.stepper.state())
    }

    fn say(&mut self, lines: &str, observer: &mut dyn Observer) -> Result<()> {
        observer.lines(lines);
        self.logs.lines(lines)
    }
}
