//! The length of a training in steps.

use base::error::{Error, Result};

/// The length of a training: its epochs, its batch size and the number of its examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLength {
    /// Passes over the training data.
    pub epochs: u64,
    /// Examples per step. An epoch's incomplete last batch is dropped.
    pub batch_size: usize,
    /// Usable training examples.
    pub examples: usize,
}

impl RunLength {
    /// Checks that the run takes at least one step and not more than a `u64` can count. `noun` names the examples in messages.
    ///
    /// # Errors
    /// Usage, with what to change.
    pub fn check(self, eval_batch_size: usize, noun: &str) -> Result<Self> {
        let Self { epochs, batch_size, examples } = self;
        if epochs == 0 || batch_size == 0 || eval_batch_size == 0 {
            return Err(Error::usage("epochs and batch sizes must be at least 1")
                .next("check --epochs, --batch-size and --eval-batch-size"));
        }
        if self.steps_per_epoch().checked_mul(epochs).is_none() {
            return Err(Error::usage(format!("{epochs} epochs are too many")).next("choose a smaller --epochs"));
        }
        if self.steps_per_epoch() == 0 {
            return Err(Error::usage(format!("{examples} training {noun} do not fill one batch of {batch_size}"))
                .next("use a smaller --batch-size: an incomplete last batch is dropped"));
        }
        Ok(self)
    }

    /// Returns the number of steps per epoch.
    pub fn steps_per_epoch(self) -> u64 {
        (self.examples / self.batch_size.max(1)) as u64
    }

    /// Returns the number of steps of the whole run, at most [`u64::MAX`].
    pub fn steps(self) -> u64 {
        self.steps_per_epoch().saturating_mul(self.epochs)
    }
}
