//! The position of a run, which snapshots store.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trainings::log_files::LogLengths;
use trainings::resume::{self, LONGEST_EPOCH};
use trainings::weights_digests::WeightsDigests;

/// The sums over the steps of an epoch. Snapshots store them.
pub(crate) trait EpochSums: Default + Serialize + DeserializeOwned {
    /// Returns the number of steps taken in the epoch.
    fn steps(&self) -> u64;

    /// Returns the mean score of the answers so far, 0 to 1; `None` if nothing is scored.
    fn score(&self) -> Option<f64> {
        None
    }

    /// Returns an inconsistency in the sums, for steps of this batch size; `None` if there is none. The file of a snapshot may hold
    /// anything.
    fn flaw(&self, batch_size: u64) -> Option<String>;
}

/// The results of a run's validations. Snapshots store them.
pub(crate) trait ValidationResults: Default + Serialize + DeserializeOwned {
    /// Returns whether there was a best epoch, whose weights were written.
    fn has_best(&self) -> bool;

    /// Returns an inconsistency in the results, for a run in this epoch; `None` if there is none.
    fn flaw(&self, epoch: u64) -> Option<String>;
}

/// The position of a run. The rest of the run depends only on it, on the weights and on the optimiser's state. In a snapshot, the
/// fields of `sums` and `results` stand beside the others, in this order.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct SessionPosition<S, R> {
    pub epoch: u64,
    /// Sums over the epoch's steps so far. If all are taken, validation comes next.
    #[serde(flatten)]
    pub sums: S,
    /// Seconds spent on the epoch's training.
    pub seconds: f64,
    /// Results of the epochs before.
    #[serde(flatten)]
    pub results: R,
    pub logs: LogLengths,
    /// Digests of the weights that earlier epochs wrote; missing in snapshots of older versions.
    #[serde(default)]
    pub weights: WeightsDigests,
}

impl<S: EpochSums, R: ValidationResults> SessionPosition<S, R> {
    /// Moves to the start of the next epoch.
    pub(super) fn next_epoch(&mut self) {
        let Self { epoch, results, weights, .. } = std::mem::take(self);
        *self = Self { epoch: epoch + 1, results, weights, ..Self::default() };
    }
}

impl<S: EpochSums, R: ValidationResults> resume::RunPosition for SessionPosition<S, R> {
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
