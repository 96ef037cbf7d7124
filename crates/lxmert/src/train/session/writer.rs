//! Writes the files of a run: logs, snapshots, weights, and at its end the outcome.

use std::path::Path;

use base::error::{Error, Result};
use base::signals::ShutdownGuard;
use torch_shim::determinism::nondeterministic_operations;
use trainings::outcome::{OutcomeFile, RunFacts};
use trainings::resume;
use trainings::snapshot::{AfterStep, RunIdentity, Snapshots, stopped};
use trainings::weights_digests::add_missing;

use super::log::RunLog;
use super::position::ValidationResults;
use super::training::{PositionOf, Training};
use super::update::Updater;

/// The writer of a run's files. Nothing else in a session writes to the run's folder; of several processes, only the first would
/// have one.
pub(crate) struct RunWriter<'a> {
    output: &'a Path,
    pub log: RunLog,
    snapshots: Snapshots,
}

impl<'a> RunWriter<'a> {
    pub(crate) fn new(output: &'a Path, log: RunLog, snapshots: Snapshots) -> Self {
        Self { output, log, snapshots }
    }

    /// Writes the first snapshot of a new run. Returns the position of the run.
    pub(crate) fn first_snapshot<T: Training>(&mut self) -> Result<PositionOf<T>> {
        let position = PositionOf::<T> { logs: self.log.mark()?, ..PositionOf::<T>::default() };
        resume::write_first(&mut self.snapshots, position)
    }

    /// Writes a snapshot of the position `at`, which must hold the current lengths of the logs.
    pub(crate) fn snapshot<T: Training>(&mut self, updater: &Updater<'_>, at: &PositionOf<T>) -> Result<()> {
        self.snapshots.write(updater.steps(), at, &updater.state())
    }

    /// Returns the action that follows after `step` steps.
    pub(crate) fn next(&self, step: u64, at_work: &ShutdownGuard) -> AfterStep {
        self.snapshots.next(step, at_work)
    }

    /// Returns the error of a run that a signal stops, after or just before its snapshot is written.
    pub(crate) fn stopped(&self, step: u64, signal: Option<i32>) -> Error {
        stopped(step, self.snapshots.folder(), signal)
    }

    /// Writes the weights of an epoch, if they are kept.
    pub(crate) fn epoch_weights<T: Training>(&self, training: &T, at: &mut PositionOf<T>, is_best: bool) -> Result<()> {
        let best = is_best.then(|| T::NAMES.best.to_owned());
        for name in best.into_iter().chain((T::NAMES.epoch)(at.epoch)) {
            at.weights.extend(training.save(&name)?);
        }
        Ok(())
    }

    /// Ends a run: writes its last weights and the outcome and removes the snapshots, in this order. If the program is killed in
    /// between, a resumed run repeats the rest.
    pub(crate) fn finish<T: Training>(
        mut self,
        training: &T,
        at: PositionOf<T>,
        outcome: T::Outcome,
        identity: RunIdentity,
    ) -> Result<T::Outcome> {
        self.log.mark()?;
        let mut weights = at.weights;
        if let Some(last) = T::NAMES.last {
            weights.extend(training.save(last)?);
        }
        // Snapshots of older versions do not hold the digests of the epochs before them.
        let best = at.results.has_best().then(|| T::NAMES.best.to_owned());
        for name in (0..at.epoch).filter_map(T::NAMES.epoch).chain(best) {
            add_missing(&mut weights, self.output, &format!("{name}{}.safetensors", T::NAMES.ending))?;
        }
        let facts = RunFacts { nondeterministic: nondeterministic_operations()?, ..training.facts() };
        let finished = OutcomeFile { outcome, identity, facts, weights };
        finished.write(self.output)?;
        self.snapshots.clear()?;
        Ok(finished.outcome)
    }
}
