//! The trait that fine-tuning and pre-training implement.

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

use super::position::{EpochSums, SessionPosition, ValidationResults};
use super::update::Updater;

/// The settings of a training that the loop needs.
pub(crate) struct SessionSettings<'a> {
    pub length: RunLength,
    pub seed: u64,
    /// Folder for all files.
    pub output: &'a Path,
    pub snapshots: &'a SnapshotSettings,
}

/// The result of a step.
pub struct StepResult<M> {
    /// Loss of the batch before the update.
    pub loss: f64,
    /// L2 norm of the gradients before clipping.
    pub grad_norm: f64,
    /// Learning rate used.
    pub lr: f64,
    /// Further results of the training.
    pub details: M,
}

/// Names of the weights files of a training, without endings.
pub(crate) struct WeightsNames {
    /// Weights of the best epoch so far.
    pub best: &'static str,
    /// Weights of an epoch, counted from 0; `None` if not every epoch's weights are kept.
    pub epoch: fn(u64) -> Option<String>,
    /// Weights of the end of the run; `None` if they are not written separately.
    pub last: Option<&'static str>,
    /// Suffix of every name, before the ending of the file.
    pub ending: &'static str,
}

/// The steps and the speed of an epoch.
#[derive(Clone, Copy)]
pub(crate) struct EpochWork {
    /// Steps of the run up to the end of the epoch.
    pub steps: u64,
    pub examples_per_second: f64,
}

/// The results of an epoch for the logs.
pub(crate) struct EpochResult {
    /// Lines for log.log.
    pub lines: String,
    /// Fields for metrics.jsonl: results of the training, of the validation, and of the best epoch.
    pub metrics: [(&'static str, Value); 3],
    /// Scalars for TensorBoard, in order.
    pub scalars: Vec<(String, f64)>,
}

/// The end of an epoch.
pub(crate) struct EpochEnd<O> {
    /// Outcome of the run, if this was its last epoch.
    pub outcome: O,
    /// Whether the epoch was the best so far.
    pub is_best: bool,
    /// Results for the logs.
    pub result: EpochResult,
}

/// A stream of batches.
pub(crate) type BatchStream<'d, B> = Box<dyn Iterator<Item = Result<B>> + 'd>;

/// The position of a training.
pub(crate) type PositionOf<T> = SessionPosition<<T as Training>::Sums, <T as Training>::Results>;

/// A kind of training, as fine-tuning and pre-training supply it to the loop.
pub(crate) trait Training {
    /// A batch or a part of one.
    type Batch;
    /// What a step measures besides its loss.
    type StepDetails;
    type Sums: EpochSums;
    type Results: ValidationResults;
    /// The result of a validation.
    type Validation;
    type Outcome: Serialize + DeserializeOwned;

    const NAMES: WeightsNames;

    /// Returns the identity of the run.
    fn identity(&self) -> RunIdentity;

    /// Loads the last weights of an already finished run into the model.
    fn load_last(&self) -> Result<()>;

    /// Returns the first lines of a run's log; empty if there are none.
    fn opening(&self) -> String {
        String::new()
    }

    /// Returns the batches of `order` for training in this epoch, built ahead by a thread of `scope`.
    fn batches<'s, 'd: 's>(
        &self,
        scope: &'s Scope<'s, 'd>,
        epoch: u64,
        order: &'d [usize],
    ) -> Result<BatchStream<'d, Self::Batch>>
    where
        Self: 'd;

    /// Trains on a batch or a part of one; `None` if the step needs further parts.
    fn step(&mut self, updater: &mut Updater<'_>, batch: &Self::Batch)
    -> Result<Option<StepResult<Self::StepDetails>>>;

    /// Adds a step to the sums of the epoch.
    fn count(&self, sums: &mut Self::Sums, step: &StepResult<Self::StepDetails>);

    /// Returns the single losses of a step by their names; empty if there is only one loss.
    fn losses(&self, _step: &Self::StepDetails) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Returns the lines that follow an epoch's last step, before validation; empty if there are none.
    fn training_lines(&self, _epoch: u64, _sums: &Self::Sums) -> String {
        String::new()
    }

    /// Validates; returns `None` without validation data. Calls `seen` with the number of examples processed since the last call;
    /// an error of `seen` ends the validation.
    fn validate(&self, epoch: u64, seen: &mut dyn FnMut(usize) -> Result<()>) -> Result<Option<Self::Validation>>;

    /// Ends an epoch: stores the result of its validation in the position.
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

    /// Returns the facts that verdicts need besides the outcome.
    fn facts(&self) -> RunFacts {
        RunFacts::default()
    }
}
