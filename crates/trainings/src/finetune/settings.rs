//! What a fine-tuning run decides.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::choices::Optim;
use crate::resume::SnapshotSettings;
use lxmert_spec::ModelDescription;
use lxmert_spec::loading::LoadReport;

/// What a run decides.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Passes over the training data.
    pub epochs: u64,
    /// Examples a step; an incomplete last batch is dropped.
    pub batch_size: usize,
    /// Examples a batch when validating.
    pub eval_batch_size: usize,
    /// Peak learning rate.
    pub lr: f64,
    /// Update rule.
    pub optim: Optim,
    /// Decides data order and dropout.
    pub seed: u64,
    /// GQA: cross entropy with the best answer in place of binary cross entropy.
    pub mce_loss: bool,
    /// Folder of BEST, LAST, log.log, metrics.jsonl, TensorBoard's events and outcome.json.
    pub output: PathBuf,
    /// Also writes BEST.pth and LAST.pth.
    pub pth: bool,
    /// What the written weights say about themselves.
    pub description: ModelDescription,
    /// SHA-256 of the vocabulary; `None` if the words do not come from one.
    pub vocabulary: Option<String>,
    /// What else decides the result, by the names of options: first weights, data. Only compared, when going on.
    pub also: BTreeMap<String, Value>,
    /// What the first weights gave the model; none for random ones. Only told.
    pub loaded: Option<LoadReport>,
    /// Breaks and what follows them.
    pub snapshots: SnapshotSettings,
}
