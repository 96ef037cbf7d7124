//! What a pre-training run decides.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::data::Examples;
use super::description::PretrainedDescription;
use crate::length::RunLength;
use crate::resume::SnapshotSettings;
use base::error::{Error, Result};
use data::features::{ATTRIBUTE_CLASSES, OBJECT_CLASSES};

/// What a run decides.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Passes over the training data.
    pub epochs: u64,
    /// Examples a step; an incomplete last batch is dropped.
    pub batch_size: usize,
    /// Parts that a batch is gone through in, to take less memory.
    pub accumulate: usize,
    /// Examples a batch when validating.
    pub eval_batch_size: usize,
    /// Peak learning rate.
    pub lr: f64,
    /// Decides data order, masking and dropout.
    pub seed: u64,
    /// Folder of everything that is written.
    pub output: PathBuf,
    /// Also writes weights as .pth.
    pub pth: bool,
    /// What the written weights say about themselves; its tasks are those of the run.
    pub description: PretrainedDescription,
    /// SHA-256 of the vocabulary; `None` if the words do not come from one.
    pub vocabulary: Option<String>,
    /// What else decides the result, by the names of options: first weights, data. Only compared, when going on.
    pub also: BTreeMap<String, Value>,
    /// Breaks and what follows them.
    pub snapshots: SnapshotSettings,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Optimiser steps taken.
    pub steps: u64,
    /// Mean loss of the last epoch.
    pub train_loss: f64,
    /// Loss of the validation after it; none without validation data.
    pub valid_loss: Option<f64>,
    /// The lowest validation loss.
    pub best: Option<Best>,
}

/// The lowest validation loss so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The loss.
    pub loss: f64,
    /// Its epoch, from 0.
    pub epoch: u64,
}

impl Settings {
    /// Returns how long the run over these training data is.
    ///
    /// # Errors
    /// As [`RunLength::check`].
    pub fn length(&self, train: &Examples) -> Result<RunLength> {
        let Self { epochs, batch_size, eval_batch_size, .. } = *self;
        RunLength { epochs, batch_size, examples: train.sampler.len() }.check(eval_batch_size, "sentences")
    }

    /// Refuses what cannot be trained.
    ///
    /// # Errors
    /// Usage, with what to change.
    pub fn check(&self, train: &Examples, valid: Option<&Examples>) -> Result<()> {
        let PretrainedDescription { config, tasks, .. } = &self.description;
        self.length(train)?;
        if self.accumulate == 0 || self.accumulate > self.batch_size {
            return Err(Error::usage(format!(
                "a batch of {} cannot be gone through in {} parts",
                self.batch_size, self.accumulate
            ))
            .next("choose --accumulate from 1 to the batch size"));
        }
        if tasks.names().is_empty() {
            return Err(Error::usage("no task is chosen, so there is nothing to learn"));
        }
        if tasks.qa && !train.sentences.ask() {
            return Err(Error::usage("--task-qa needs questions, and the training data have none")
                .next("leave it out, or train on data with questions"));
        }
        for (what, known, there) in [
            ("objects", tasks.obj.then_some(config.obj_id_num), OBJECT_CLASSES),
            ("attributes", tasks.attr.then_some(config.attr_id_num), ATTRIBUTE_CLASSES),
        ] {
            if let Some(known) = known.filter(|known| (*known as u64) < there as u64) {
                return Err(Error::usage(format!("the model knows {known} {what}, the features may name {there}"))
                    .next("use a configuration with as many classes"));
            }
        }
        let shape = |examples: &Examples| (examples.sentences.source.boxes(), examples.sentences.source.dim());
        match valid.filter(|valid| shape(valid) != shape(train)) {
            Some(valid) => Err(Error::data(format!(
                "the validation images have {:?} boxes by features and the training images {:?}",
                shape(valid),
                shape(train)
            ))
            .next("use feature files of one extractor")),
            None => Ok(()),
        }
    }
}
