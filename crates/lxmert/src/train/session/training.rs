//! What fine-tuning and pre-training supply to a session.

use std::path::Path;
use std::thread::Scope;

use base::error::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use trainings::outcome::RunFacts;
use trainings::resume::SnapshotSettings;
use trainings::run_length::RunLength;
use trainings::snapshot::RunIdentity;
use trainings::weights_digests::WeightsDigests;

use super::position::{EpochSums, Position, Results};
use super::update::Updater;

/// What every training decides.
pub(crate) struct Plan<'a> {
    pub length: RunLength,
    pub seed: u64,
    /// Folder of everything that is written.
    pub output: &'a Path,
    pub snapshots: &'a SnapshotSettings,
}

/// A step taken.
pub struct Step<M> {
    /// Loss of the batch before the update.
    pub loss: f64,
    /// L2 norm of the gradients before clipping.
    pub grad_norm: f64,
    /// Learning rate used.
    pub lr: f64,
    /// What else the batch gave.
    pub measured: M,
}

/// Names of the weights files of a training, without endings.
pub(crate) struct WeightsNames {
    /// Of the epoch that was best so far.
    pub best: &'static str,
    /// Of an epoch, counted from 0, if each keeps its weights.
    pub epoch: fn(u64) -> Option<String>,
    /// Of the end of the run, if it has weights of its own.
    pub last: Option<&'static str>,
    /// What follows a name in a file of safetensors.
    pub ending: &'static str,
}

/// What an epoch took.
#[derive(Clone, Copy)]
pub(crate) struct EpochWork {
    /// Steps of the run up to its end.
    pub steps: u64,
    pub examples_per_second: f64,
}

/// How an epoch ended, as the logs get it.
pub(crate) struct EpochResult {
    /// For log.log.
    pub lines: String,
    /// For metrics.jsonl: what training, validation and the best epoch gave.
    pub metrics: [(&'static str, Value); 3],
    /// For TensorBoard, in order.
    pub scalars: Vec<(String, f64)>,
}

/// An epoch's end.
pub(crate) struct EpochEnd<O> {
    /// How the run has ended, if this was its last epoch.
    pub outcome: O,
    /// Whether it was the best so far.
    pub is_best: bool,
    /// For the logs.
    pub result: EpochResult,
}

/// Batches as they are made.
pub(crate) type BatchStream<'d, B> = Box<dyn Iterator<Item = Result<B>> + 'd>;

/// The position of a training.
pub(crate) type PositionOf<T> = Position<<T as Training>::Sums, <T as Training>::Results>;

/// What fine-tuning and pre-training supply to a session.
pub(crate) trait Training {
    /// A batch, or a part of one.
    type Batch;
    /// What a step gives beside its loss.
    type Measured;
    type Sums: EpochSums;
    type Results: Results;
    /// What a validation gives.
    type Validation;
    type Outcome: Serialize + DeserializeOwned;

    const NAMES: WeightsNames;

    /// Returns what the run is.
    fn identity(&self) -> RunIdentity;

    /// Brings the last weights of a run that has ended before into the model.
    fn load_last(&self) -> Result<()>;

    /// Returns the lines with which a run begins; empty if there are none.
    fn opening(&self) -> String {
        String::new()
    }

    /// Returns the batches of `order` for training in this epoch, made ahead by a thread of `scope`.
    fn batches<'s, 'd: 's>(
        &self,
        scope: &'s Scope<'s, 'd>,
        epoch: u64,
        order: &'d [usize],
    ) -> Result<BatchStream<'d, Self::Batch>>
    where
        Self: 'd;

    /// Trains on a batch or a part of one; `None` if the step needs further parts.
    fn step(&mut self, updater: &mut Updater<'_>, batch: &Self::Batch) -> Result<Option<Step<Self::Measured>>>;

    /// Adds a step to the sums of its epoch.
    fn count(&self, sums: &mut Self::Sums, step: &Step<Self::Measured>);

    /// Returns the single losses of a step by their names; empty if there is one loss only.
    fn losses(&self, _step: &Self::Measured) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Returns the lines that follow an epoch's last step, before validation; empty if there are none.
    fn training_lines(&self, _epoch: u64, _sums: &Self::Sums) -> String {
        String::new()
    }

    /// Goes over the validation data, if there are any. `seen` hears how many more examples are done, and ends it with an error.
    fn validate(&self, epoch: u64, seen: &mut dyn FnMut(usize) -> Result<()>) -> Result<Option<Self::Validation>>;

    /// Ends an epoch: brings what its validation gave into the position's results.
    fn end_epoch(
        &self,
        at: &mut PositionOf<Self>,
        valid: Option<Self::Validation>,
        made: EpochWork,
    ) -> EpochEnd<Self::Outcome>
    where
        Self: Sized;

    /// Writes the weights under one of [`NAMES`](Self::NAMES).
    fn save(&self, name: &str) -> Result<WeightsDigests>;

    /// What a judge should know beside the outcome.
    fn facts(&self) -> RunFacts {
        RunFacts::default()
    }
}
