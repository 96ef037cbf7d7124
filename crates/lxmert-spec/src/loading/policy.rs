//! The ways of loading a checkpoint, and the account that each gives.

use std::fmt;

use serde::{Deserialize, Serialize};

use base::format::some_of;

/// What task models put before the encoder's names.
pub(crate) const TASK: &str = "lxrt_encoder.model.";
/// The word embeddings, and the masked-word decoder that is the same tensor.
pub(crate) const TIED: [&str; 2] = ["bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"];
/// The layer of the answer heads that has one row per answer.
pub(crate) const ANSWERS: &str = "logit_fc.3.";

/// The ways of loading, named after what the checkpoint is.
#[derive(Debug, Clone, Copy)]
pub enum Policy<'a> {
    /// A pre-training checkpoint: its encoder only (`--loadLXMERT`). A pre-training model also takes the heads other than
    /// the answer head.
    Lxmert,
    /// A pre-training checkpoint: encoder and answer head (`--loadLXMERTQA`).
    LxmertQa {
        /// For each answer of the task its row in the checkpoint's answer table; None gives zeros.
        rows: &'a [Option<usize>],
        /// How many answers must have a row: 3124 for VQA and 1736 for GQA with the real tables.
        expected_loaded: Option<usize>,
    },
    /// A whole task model, saved with or without several GPUs (`--load`).
    FineTuned,
    /// A whole pre-training model, saved with or without several GPUs (`--load`).
    Pretrained,
    /// BERT's own weights, with which the original initialises the language side.
    Bert,
}

/// What a checkpoint gave a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadReport {
    /// How many of the model's tensors were loaded.
    pub loaded: usize,
    /// The model's tensors that were not, by the model's names; they stay as initialised.
    pub missing: Vec<String>,
    /// Those of them that the policy promises: `--allow-missing` let them be.
    pub lacking: Vec<String>,
    /// How many of the model's tensors the policy promises.
    pub promised: usize,
    /// The checkpoint's tensors that the model has no use for, by the checkpoint's names.
    pub unexpected: Vec<String>,
    /// Answers whose row was loaded ([`Policy::LxmertQa`] only).
    pub answers_loaded: Option<usize>,
    /// Answers whose row was set to zero ([`Policy::LxmertQa`] only).
    pub answers_zeroed: Option<usize>,
    /// What was done to the names of another program's file, one sentence each.
    pub notes: Vec<String>,
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tensors loaded", self.loaded)?;
        match self.missing.len() {
            0 => write!(f, ", none missing")?,
            n => write!(f, ", {n} missing (left as initialised): {}", some_of(&self.missing))?,
        }
        if !self.unexpected.is_empty() {
            write!(f, ", {} unexpected (not used): {}", self.unexpected.len(), some_of(&self.unexpected))?;
        }
        if let (Some(loaded), Some(zeroed)) = (self.answers_loaded, self.answers_zeroed) {
            write!(f, "; {loaded} answers loaded, {zeroed} zeroed")?;
        }
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}
