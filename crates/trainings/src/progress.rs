//! How far a training is.

/// How far a training is after a step: what a display needs to show the step, the rate and the time left of the whole run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainProgress {
    /// Steps taken, from the beginning of the run.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// Epochs of the whole run.
    pub epochs: u64,
    /// Examples in a step.
    pub batch_size: u64,
    /// Examples of this epoch that are done.
    pub done: u64,
    /// Training examples. An epoch ends with its last whole batch.
    pub examples: u64,
    /// Loss of the step's batch.
    pub loss: f64,
    /// Mean score of this epoch's answers, 0 to 1; `None` if the training gives none.
    pub score: Option<f64>,
    /// Mean over this epoch, breaks not counted.
    pub examples_per_second: f64,
}
