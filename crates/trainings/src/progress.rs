//! The progress of a training, as it is reported after a step.

/// The progress of a training after a step, with what a display needs to show the rate and the time left of the whole run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainProgress {
    /// Steps taken since the start of the run, including those before it was resumed.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// The epoch, counted from 0.
    pub epoch: u64,
    /// Epochs of the whole run.
    pub epochs: u64,
    /// Examples per step.
    pub batch_size: u64,
    /// Examples of this epoch that have been trained on.
    pub done: u64,
    /// Training examples per epoch, including those of the incomplete last batch, which is dropped.
    pub examples: u64,
    /// Loss of the step's batch.
    pub loss: f64,
    /// Mean score of this epoch's answers, 0 to 1; `None` if the training gives none.
    pub score: Option<f64>,
    /// Mean rate in this epoch, not counting time in which the run was interrupted.
    pub examples_per_second: f64,
}
