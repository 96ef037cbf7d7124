//! The settings of a fine-tuning.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::options::Optim;
use crate::resume::SnapshotSettings;
use lxmert_spec::ModelDescription;
use lxmert_spec::loading::LoadReport;

/// The settings of a fine-tuning.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinetuneSettings {
    /// Passes over the training data.
    pub epochs: u64,
    /// Examples per step. An epoch's incomplete last batch is dropped.
    pub batch_size: usize,
    /// Examples per batch when validating.
    pub eval_batch_size: usize,
    /// Peak learning rate.
    pub lr: f64,
    /// Update rule.
    pub optim: Optim,
    /// Seed of data order and dropout.
    pub seed: u64,
    /// GQA: cross entropy with the best answer instead of binary cross entropy.
    pub mce_loss: bool,
    /// Folder of BEST, LAST, log.log, metrics.jsonl, TensorBoard's event file and outcome.json.
    pub output: PathBuf,
    /// Also write BEST.pth and LAST.pth.
    pub pth: bool,
    /// Description that is stored in the written weights.
    pub description: ModelDescription,
    /// SHA-256 of the vocabulary; `None` if the data were not tokenised with one.
    pub vocabulary: Option<String>,
    /// Further options that affect the result, by name: initial weights, data. They are only compared when resuming.
    pub also: BTreeMap<String, Value>,
    /// What was loaded from the initial checkpoint; `None` for random weights. It is only reported.
    pub loaded: Option<LoadReport>,
    /// When snapshots are written, and what to do with an earlier run.
    pub snapshots: SnapshotSettings,
}
