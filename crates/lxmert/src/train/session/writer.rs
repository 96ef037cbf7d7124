//! All that a run writes: logs, snapshots, weights, and at its end the outcome.

use std::path::Path;

use base::error::{Error, Result};
use base::signals::ShutdownGuard;
use trainings::outcome::OutcomeFile;
use trainings::resume;
use trainings::snapshot::{AfterStep, RunIdentity, Snapshots, stopped};
use trainings::weights_digests::add_missing;

use super::log::RunLog;
use super::position::Results;
use super::training::{PositionOf, Training};
use super::update::Updater;

/// Writes for a run. Nothing else of a session writes into its folder; of several ranks, only the first would have one.
pub(crate) struct RunWriter<'a> {
    output: &'a Path,
    pub log: RunLog,
    snapshots: Snapshots,
}

impl<'a> RunWriter<'a> {
    pub(crate) fn new(output: &'a Path, log: RunLog, snapshots: Snapshots) -> Self {
        Self { output, log, snapshots }
    }

    /// Writes the snapshot of a new run. Returns where the run is.
    pub(crate) fn first_snapshot<T: Training>(&mut self) -> Result<PositionOf<T>> {
        let position = PositionOf::<T> { logs: self.log.mark()?, ..PositionOf::<T>::default() };
        resume::write_first(&mut self.snapshots, position)
    }

    /// Writes a snapshot of where the run was after its last step, the logs being as long as `at` says.
    pub(crate) fn snapshot<T: Training>(&mut self, updater: &Updater<'_>, at: &PositionOf<T>) -> Result<()> {
        self.snapshots.write(updater.steps(), at, &updater.state())
    }

    /// Returns what to do after `step` steps.
    pub(crate) fn next(&self, step: u64, at_work: &ShutdownGuard) -> AfterStep {
        self.snapshots.next(step, at_work)
    }

    /// Returns the error of a run that was asked to stop and has left a snapshot, or is about to.
    pub(crate) fn stopped(&self, step: u64, signal: Option<i32>) -> Error {
        stopped(step, self.snapshots.folder(), signal)
    }

    /// Writes the weights that an epoch keeps.
    pub(crate) fn epoch_weights<T: Training>(&self, training: &T, at: &mut PositionOf<T>, is_best: bool) -> Result<()> {
        let best = is_best.then(|| T::NAMES.best.to_owned());
        for name in best.into_iter().chain((T::NAMES.epoch)(at.epoch)) {
            at.weights.extend(training.save(&name)?);
        }
        Ok(())
    }

    /// Ends a run: writes its last weights and the outcome and removes the snapshots, in this order. Killed between any two of
    /// these, a resumed run does the rest again.
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
        // A snapshot of an older program says nothing about the epochs before it.
        let best = at.results.has_best().then(|| T::NAMES.best.to_owned());
        for name in (0..at.epoch).filter_map(T::NAMES.epoch).chain(best) {
            add_missing(&mut weights, self.output, &format!("{name}{}.safetensors", T::NAMES.ending))?;
        }
        let finished = OutcomeFile { outcome, identity, facts: training.facts(), weights };
        finished.write(self.output)?;
        self.snapshots.clear()?;
        Ok(finished.outcome)
    }
}
