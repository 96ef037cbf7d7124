//! Runs a training: epochs of steps, validation after each epoch, snapshots when they are due.

use std::ops::ControlFlow;
use std::time::Instant;

use base::error::{Error, Result};
use base::signals::ShutdownGuard;
use torch_shim::determinism::nondeterministic_operations;
use trainings::dir_lock::lock_dir;
use trainings::progress::TrainProgress;
use trainings::resume::{self, RunStart};
use trainings::snapshot::{self, AfterStep, ENDING, RunIdentity};

use super::log::RunLog;
use super::observer::TrainObserver;
use super::order;
use super::position::EpochSums;
use super::training::{EpochEnd, EpochWork, PositionOf, SessionSettings, Training};
use super::update::Updater;
use super::writer::RunWriter;

/// Returns a finished run's outcome, resumes from a snapshot, or starts fresh; then trains to the end, validating after each epoch.
/// All results except times depend on data and settings alone, no matter how often the run was interrupted.
///
/// # Errors
/// Usage if the output folder holds another run; interrupted if a signal stopped the run, after a snapshot was written; those of
/// the training.
pub(crate) fn run<T: Training>(
    training: T,
    mut updater: Updater<'_>,
    plan: &SessionSettings<'_>,
    observer: &mut dyn TrainObserver,
) -> Result<T::Outcome> {
    let SessionSettings { output, length, .. } = *plan;
    std::fs::create_dir_all(output).map_err(|e| Error::io("create the folder", output, &e))?;
    let _lock = lock_dir(output, &[&plan.snapshots.folder])?;
    let identity = training.identity();
    let mut note = |text: &str| observer.note(text);
    let start = resume::start(output, plan.snapshots, &identity, || training.load_last(), &mut note)?;
    let RunStart::<PositionOf<T>> { snapshots, at_work, from } = match start {
        ControlFlow::Break(outcome) => return Ok(outcome),
        ControlFlow::Continue(start) => start,
    };
    if let Some(from) = &from {
        resume::check(from, (length.epochs, length.steps_per_epoch()), length.batch_size as u64)?;
    }
    let log = RunLog::open(output, from.as_ref().map(|from| from.position.logs))?;
    let mut writer = RunWriter::new(output, log, snapshots);
    // From here on a signal causes a snapshot.
    at_work.set_stop_message(snapshot::writing(updater.state_bytes()));
    let resumed = from.is_some();
    let at = match from {
        Some(from) => resume::restore(from, |steps, tensors| updater.restore(steps, tensors), &mut note)?,
        None => writer.first_snapshot::<T>()?,
    };
    observer.started(resumed)?;
    Session { training, updater, plan, at, writer, at_work, observer, is_determinism_known: false }.finish(identity)
}

/// A run in progress.
struct Session<'a, T: Training> {
    training: T,
    updater: Updater<'a>,
    plan: &'a SessionSettings<'a>,
    at: PositionOf<T>,
    writer: RunWriter<'a>,
    at_work: ShutdownGuard,
    observer: &'a mut dyn TrainObserver,
    is_determinism_known: bool,
}

impl<T: Training> Session<'_, T> {
    fn finish(mut self, identity: RunIdentity) -> Result<T::Outcome> {
        if self.updater.steps() == 0 {
            self.say(&self.training.opening())?;
        }
        let outcome = loop {
            self.epoch()?;
            // A run that is stopped during validation resumes from here.
            self.at.logs = self.writer.log.mark()?;
            self.say(&self.training.training_lines(self.at.epoch, &self.at.sums))?;
            let valid = self.validate()?;
            let outcome = self.end_epoch(valid)?;
            self.at.next_epoch();
            if self.at.epoch == self.plan.length.epochs {
                break outcome;
            }
        };
        self.at_work.set_stop_message(ENDING);
        self.writer.finish(&self.training, self.at, outcome, identity)
    }

    /// Takes the remaining steps of the epoch.
    fn epoch(&mut self) -> Result<()> {
        let SessionSettings { length, seed, .. } = *self.plan;
        let (epoch, done) = (self.at.epoch, self.at.sums.steps());
        if done == length.steps_per_epoch() {
            return Ok(());
        }
        let order = order::remaining(length, seed, epoch, done);
        let (started, before) = (Instant::now(), self.at.seconds);
        std::thread::scope(|scope| {
            for batch in self.training.batches(scope, epoch, &order)? {
                let Some(step) = self.training.step(&mut self.updater, &batch?)? else { continue };
                let number = self.updater.steps();
                self.writer.log.step(number, &step, &self.training.losses(&step.details))?;
                // The only place where the sums of an epoch grow. Several processes would combine their shares of the batch here.
                self.training.count(&mut self.at.sums, &step);
                self.at.seconds = before + started.elapsed().as_secs_f64();
                let progress = self.progress(step.loss);
                self.observer.step(&progress);
                self.report_determinism()?;
                self.snapshot_if_due()?;
            }
            Ok(())
        })
    }

    /// Tells after the first step of this process whether the device gives the same bits each time.
    fn report_determinism(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.is_determinism_known, true) {
            return Ok(());
        }
        let operations = nondeterministic_operations()?;
        if !operations.is_empty() {
            self.observer.note(&format!(
                "the GPU has no deterministic algorithm for {}: the same run, also one that is resumed, may differ in the last bits",
                operations.join(", ")
            ));
        }
        Ok(())
    }

    /// Writes a snapshot if one is due.
    ///
    /// # Errors
    /// Interrupted, after the snapshot, if a signal asks the run to stop.
    fn snapshot_if_due(&mut self) -> Result<()> {
        let number = self.updater.steps();
        let next = self.writer.next(number, &self.at_work);
        if next != AfterStep::Step {
            self.at.logs = self.writer.log.mark()?;
            self.writer.snapshot::<T>(&self.updater, &self.at)?;
        }
        if next == AfterStep::Stop { Err(self.writer.stopped(number, self.at_work.stop_signal())) } else { Ok(()) }
    }

    /// Validates. If a signal asks the run to stop, writes a snapshot of the epoch's last step and fails.
    fn validate(&mut self) -> Result<Option<T::Validation>> {
        let steps = self.updater.steps();
        let mut seen = |examples| {
            self.observer.validated(examples);
            match self.at_work.stop_signal() {
                None => Ok(()),
                signal @ Some(_) => Err(self.writer.stopped(steps, signal)),
            }
        };
        let given = self.training.validate(self.at.epoch, &mut seen);
        if given.is_err() && self.at_work.stop_signal().is_some() {
            self.writer.snapshot::<T>(&self.updater, &self.at)?;
        }
        given
    }

    /// Ends the epoch: writes its weights and logs it.
    fn end_epoch(&mut self, valid: Option<T::Validation>) -> Result<T::Outcome> {
        let made = EpochWork { steps: self.updater.steps(), examples_per_second: self.examples_per_second() };
        let EpochEnd { outcome, is_best, result } = self.training.end_epoch(&mut self.at, valid, made);
        self.writer.epoch_weights(&self.training, &mut self.at, is_best)?;
        self.writer.log.epoch(self.at.epoch, &result, made)?;
        self.tell(&result.lines);
        Ok(outcome)
    }

    fn examples_per_second(&self) -> f64 {
        self.done() as f64 / self.at.seconds
    }

    /// Returns the number of the epoch's examples that have been trained on.
    fn done(&self) -> u64 {
        self.at.sums.steps() * self.plan.length.batch_size as u64
    }

    fn progress(&self, loss: f64) -> TrainProgress {
        let length = self.plan.length;
        TrainProgress {
            step: self.updater.steps(),
            steps: length.steps(),
            epoch: self.at.epoch,
            epochs: length.epochs,
            batch_size: length.batch_size as u64,
            done: self.done(),
            examples: length.examples as u64,
            loss,
            score: self.at.sums.score(),
            examples_per_second: self.examples_per_second(),
        }
    }

    /// Adds lines to log.log and passes them to the observer.
    fn say(&mut self, lines: &str) -> Result<()> {
        self.writer.log.lines(lines)?;
        self.tell(lines);
        Ok(())
    }

    fn tell(&mut self, lines: &str) {
        if !lines.is_empty() {
            self.observer.lines(lines);
        }
    }
}
