//! The `outcome.json` that a finished run writes beside its weights: reads, compares and writes it.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::snapshot::RunIdentity;
use super::weights_digests::WeightsDigests;
use base::error::{Error, Result};
use base::files;

/// The result of a fine-tuning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinetuneOutcome {
    /// Training score of the last epoch, 0 to 1.
    pub train: f64,
    /// Best validation score, 0 to 1, and its epoch, counted from 0; `None` without validation data or if no score was above 0.
    pub best: Option<(f64, u64)>,
    /// Validation score of the last epoch, 0 to 1; `None` without validation data.
    pub last_valid: Option<f64>,
    /// Optimiser steps taken.
    pub steps: u64,
}

/// The content of an `outcome.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeFile<O = FinetuneOutcome> {
    /// The result.
    pub outcome: O,
    /// The run that gave it.
    pub identity: RunIdentity,
    /// What a judge should know besides; missing in files of older versions.
    #[serde(default)]
    pub facts: RunFacts,
    /// The weights that the run wrote; missing in files of older versions.
    #[serde(default, skip_serializing_if = "WeightsDigests::is_empty")]
    pub weights: WeightsDigests,
}

/// Facts about a run that its options do not show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunFacts {
    /// Tensors that the initial checkpoint should have had but lacked; they stayed random (`--allow-missing`).
    pub not_loaded: Vec<String>,
    /// Number of tensors that the initial checkpoint should have had; 0 for random weights.
    pub should_load: usize,
    /// Training examples that were skipped because they have no features.
    pub train_left_out: usize,
    /// Validation examples that were skipped likewise.
    pub valid_left_out: usize,
    /// Operations that the device computed without a deterministic algorithm, so that the same run may differ in the last bits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nondeterministic: Vec<String>,
}

/// Name of the file in a run's folder.
pub const FILE_NAME: &str = "outcome.json";

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE_NAME)
}

impl<O: Serialize + DeserializeOwned> OutcomeFile<O> {
    /// Reads the outcome in `folder`; `None` if there is none.
    ///
    /// # Errors
    /// Data if the file is damaged.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        read_json(folder)
    }

    /// Checks that this is the outcome of the run `now`. Only the values that `now` has are compared, so `now` may be partial.
    ///
    /// # Errors
    /// Usage, with the names of the settings, if some differ; data if the vocabulary differs.
    pub fn check(&self, now: &RunIdentity, folder: &Path) -> Result<()> {
        let then = self.identity.run.iter().filter(|(name, _)| now.run.contains_key(*name));
        let of = |identity: &RunIdentity, run| RunIdentity { run, machine: Default::default(), ..identity.clone() };
        let then = of(&self.identity, then.map(|(name, value)| (name.clone(), value.clone())).collect());
        of(now, now.run.clone()).check(&then, &path(folder), &mut |_| {})
    }

    /// Writes the file into `folder`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text =
            serde_json::to_vec_pretty(self).map_err(|e| Error::bug("an outcome cannot be written").because(e))?;
        files::write_bytes(&path(folder), &text)
    }
}

/// Reads a folder's outcome as a `T`; `None` if there is none.
///
/// # Errors
/// If there is an outcome that cannot be read. It may stand for days of work, so it must not be overwritten.
pub(super) fn read_json<T: DeserializeOwned>(folder: &Path) -> Result<Option<T>> {
    const LARGEST: u64 = 1 << 20;
    let path = path(folder);
    // A dangling link counts as an outcome too.
    if path.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let advice = "repair it, pass --restart to move the content of the folder aside (nothing is deleted), or name another \
                  --output";
    let text = files::read_text(&path, LARGEST).map_err(|e| e.next(advice))?;
    serde_json::from_str(&text).map(Some).map_err(|e| {
        Error::data(format!("{} cannot be parsed, so it is unknown which run finished here", path.display()))
            .because(e)
            .next(advice)
    })
}
