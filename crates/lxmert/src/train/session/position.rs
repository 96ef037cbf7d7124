//! Where a run is.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trainings::log_files::LogLengths;
use trainings::resume::{self, LONGEST_EPOCH};
use trainings::weights_digests::WeightsDigests;

/// What an epoch's steps sum. It is kept in snapshots.
pub(crate) trait EpochSums: Default + Serialize + DeserializeOwned {
    /// Steps of the epoch that are done.
    fn steps(&self) -> u64;

    /// Mean score of the answers so far, 0 to 1; `None` if nothing is scored.
    fn score(&self) -> Option<f64> {
        None
    }

    /// What in it cannot be of its steps with so many examples each; `None` if nothing is wrong. A snapshot's file may hold
    /// anything.
    fn flaw(&self, batch_size: u64) -> Option<String>;
}

/// What a run keeps of its validations. It is kept in snapshots.
pub(crate) trait Results: Default + Serialize + DeserializeOwned {
    /// Whether an epoch was the best so far, so that its weights were written.
    fn has_best(&self) -> bool;

    /// What in it cannot be in this epoch; `None` if nothing is wrong.
    fn flaw(&self, epoch: u64) -> Option<String>;
}

/// Where a run is: with the weights and the optimiser's state, all that the rest of it depends on. The fields of `sums` and
/// `results` stand beside the others in a snapshot, in this order.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Position<S, R> {
    pub epoch: u64,
    /// Of the epoch's steps so far. With all of them done, validation is still to come.
    #[serde(flatten)]
    pub sums: S,
    /// Spent on the epoch's training.
    pub seconds: f64,
    /// Of the epochs before.
    #[serde(flatten)]
    pub results: R,
    pub logs: LogLengths,
    /// The weights that the epochs before have written; absent in snapshots of older programs.
    #[serde(default)]
    pub weights: WeightsDigests,
}

impl<S: EpochSums, R: Results> Position<S, R> {
    /// Turns to the next epoch, of which nothing is done.
    pub(super) fn next_epoch(&mut self) {
        let Self { epoch, results, weights, .. } = std::mem::take(self);
        *self = Self { epoch: epoch + 1, results, weights, ..Self::default() };
    }
}

impl<S: EpochSums, R: Results> resume::RunPosition for Position<S, R> {
    fn reached(&self) -> (u64, u64) {
        (self.epoch, self.sums.steps())
    }

    fn flaw(&self, batch_size: u64) -> Option<String> {
        let seconds = || {
            (!(0.0..=LONGEST_EPOCH).contains(&self.seconds)).then(|| format!("the epoch has taken {} s", self.seconds))
        };
        self.sums.flaw(batch_size).or_else(|| self.results.flaw(self.epoch)).or_else(seconds)
    }
}
