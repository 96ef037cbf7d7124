//! The policies by which a checkpoint is loaded, and the report that each gives.

use std::fmt;

use serde::{Deserialize, Serialize};

use base::format::some_of;

/// What the checkpoint is, which decides what is loaded from it.
#[derive(Debug, Clone, Copy)]
pub enum LoadPolicy<'a> {
    /// A pre-training checkpoint, of which a task model takes the encoder (`--loadLXMERT`). A pre-training model also takes all
    /// heads but the answer head.
    Lxmert,
    /// A pre-training checkpoint, of which a task model takes the encoder and the answer head (`--loadLXMERTQA`).
    LxmertQa {
        /// The row in the checkpoint's answer head for each answer of the task; `None` gives zeros.
        rows: &'a [Option<usize>],
        /// Number of answers that must have a row: 3124 for VQA and 1736 for GQA with the published tables.
        expected_loaded: Option<usize>,
    },
    /// A whole task model (`--load`).
    FineTuned,
    /// A whole pre-training model (`--load`).
    Pretrained,
    /// BERT's own weights, from which the original initialises the language layers.
    Bert,
}

/// What was loaded from a checkpoint into a model. The `Display` form is one line for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadReport {
    /// Number of the model's tensors that were loaded.
    pub loaded: usize,
    /// Names in the model of the tensors that were not loaded; they stay as initialised.
    pub missing: Vec<String>,
    /// Those of `missing` that the policy promises; not empty only with `--allow-missing`.
    pub lacking: Vec<String>,
    /// Number of the model's tensors that the policy promises.
    pub promised: usize,
    /// Names in the checkpoint of the tensors that the model does not use.
    pub unexpected: Vec<String>,
    /// Number of answers whose row was loaded ([`LoadPolicy::LxmertQa`] only).
    pub answers_loaded: Option<usize>,
    /// Number of answers whose row was set to zero ([`LoadPolicy::LxmertQa`] only).
    pub answers_zeroed: Option<usize>,
    /// How the file was read and its names changed, one sentence each.
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
