//! How long a training is.

use base::error::{Error, Result};

/// How long a training is: what its epochs and batches make of its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLength {
    /// Passes over the training data.
    pub epochs: u64,
    /// Examples a step; an incomplete last batch is dropped.
    pub batch_size: usize,
    /// Usable training examples.
    pub examples: usize,
}

impl RunLength {
    /// Refuses a run that takes no step, or more than can be counted. `noun` is what the examples are called.
    ///
    /// # Errors
    /// Usage, with what to change.
    pub fn check(self, eval_batch_size: usize, noun: &str) -> Result<Self> {
        let Self { epochs, batch_size, examples } = self;
        if epochs == 0 || batch_size == 0 || eval_batch_size == 0 {
            return Err(Error::usage("epochs and batch sizes must be at least 1"));
        }
        if self.steps_per_epoch().checked_mul(epochs).is_none() {
            return Err(
                Error::usage(format!("{epochs} epochs are more than can be counted")).next("choose a smaller --epochs")
            );
        }
        if self.steps_per_epoch() == 0 {
            return Err(Error::usage(format!("{examples} training {noun} do not fill one batch of {batch_size}"))
                .next("use a smaller --batch-size: an incomplete last batch is dropped"));
        }
        Ok(self)
    }

    /// Steps of an epoch.
    pub fn steps_per_epoch(self) -> u64 {
        (self.examples / self.batch_size.max(1)) as u64
    }

    /// Steps of the whole run; as many as can be counted if there are more.
    pub fn steps(self) -> u64 {
        self.steps_per_epoch().saturating_mul(self.epochs)
    }
}
