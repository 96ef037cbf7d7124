//! The settings and the outcome of a pre-training.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::data::PretrainExamples;
use super::description::PretrainedDescription;
use crate::resume::SnapshotSettings;
use crate::run_length::RunLength;
use base::error::{Error, Result};
use data::features::{ATTRIBUTE_CLASSES, OBJECT_CLASSES};

/// The settings of a pre-training.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainSettings {
    /// Passes over the training data.
    pub epochs: u64,
    /// Examples per step. An epoch's incomplete last batch is dropped.
    pub batch_size: usize,
    /// Number of parts into which a batch is split to save memory; their gradients are summed.
    pub accumulate: usize,
    /// Examples per batch when validating.
    pub eval_batch_size: usize,
    /// Peak learning rate.
    pub lr: f64,
    /// Seed of data order, masking and dropout.
    pub seed: u64,
    /// Folder that everything is written to.
    pub output: PathBuf,
    /// Also write weights as .pth.
    pub pth: bool,
    /// Description that is stored in the written weights. Its tasks are those of the run.
    pub description: PretrainedDescription,
    /// SHA-256 of the vocabulary; `None` if the data were not tokenised with one.
    pub vocabulary: Option<String>,
    /// Further options that affect the result, by name: initial weights, data. They are only compared when resuming.
    pub also: BTreeMap<String, Value>,
    /// When snapshots are written, and what to do with an earlier run.
    pub snapshots: SnapshotSettings,
}

/// The result of a pre-training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PretrainOutcome {
    /// Optimiser steps taken.
    pub steps: u64,
    /// Mean loss of the last epoch.
    pub train_loss: f64,
    /// Validation loss after the last epoch; `None` without validation data.
    pub valid_loss: Option<f64>,
    /// The epoch with the lowest validation loss; `None` without validation data.
    pub best: Option<BestEpoch>,
}

/// The epoch with the lowest validation loss so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BestEpoch {
    /// The validation loss.
    pub loss: f64,
    /// The epoch, counted from 0.
    pub epoch: u64,
}

impl PretrainSettings {
    /// Returns the length of the run over these training data.
    ///
    /// # Errors
    /// Those of [`RunLength::check`].
    pub fn length(&self, train: &PretrainExamples) -> Result<RunLength> {
        let Self { epochs, batch_size, eval_batch_size, .. } = *self;
        RunLength { epochs, batch_size, examples: train.sampler.len() }.check(eval_batch_size, "sentences")
    }

    /// Checks that these data can be trained on with these settings.
    ///
    /// # Errors
    /// Usage or data, with what to change.
    pub fn check(&self, train: &PretrainExamples, valid: Option<&PretrainExamples>) -> Result<()> {
        let PretrainedDescription { config, tasks, .. } = &self.description;
        self.length(train)?;
        if self.accumulate == 0 || self.accumulate > self.batch_size {
            return Err(Error::usage(format!(
                "a batch of {} cannot be split into {} parts",
                self.batch_size, self.accumulate
            ))
            .next("choose --accumulate from 1 to the batch size"));
        }
        if tasks.names().is_empty() {
            return Err(
                Error::usage("no pre-training task is chosen").next("choose at least one, such as --task-mask-lm")
            );
        }
        if tasks.qa && !train.sentences.has_questions() {
            return Err(Error::usage("--task-qa needs questions, but the training data have none")
                .next("remove --task-qa, or train on data with questions"));
        }
        for (what, known, there) in [
            ("objects", tasks.obj.then_some(config.obj_id_num), OBJECT_CLASSES),
            ("attributes", tasks.attr.then_some(config.attr_id_num), ATTRIBUTE_CLASSES),
        ] {
            if let Some(known) = known.filter(|known| (*known as u64) < there as u64) {
                return Err(Error::usage(format!(
                    "the model has {known} classes of {what}, but the features have up to {there}"
                ))
                .next(format!("use a model configuration with at least {there} classes of {what}")));
            }
        }
        let shape = |examples: &PretrainExamples| (examples.sentences.source.boxes(), examples.sentences.source.dim());
        match valid.filter(|valid| shape(valid) != shape(train)) {
            Some(valid) => Err(Error::data(format!(
                "the validation features have the shape {:?} per image, the training features {:?} (boxes, width)",
                shape(valid),
                shape(train)
            ))
            .next("use feature files of one extractor")),
            None => Ok(()),
        }
    }
}
