//! What a finished run leaves beside its weights: `outcome.json`.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::snapshot::Identity;
use super::written::Written;
use base::error::{Error, Result};
use base::files;

/// How a fine-tuning run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Training score of the last epoch, 0 to 1.
    pub train: f64,
    /// Best validation score, 0 to 1, and its epoch; None without validation data or where no score was above 0.
    pub best: Option<(f64, u64)>,
    /// Validation score of the last epoch.
    pub last_valid: Option<f64>,
    /// Optimiser steps taken.
    pub steps: u64,
}

/// A finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished<O = Outcome> {
    /// How it ended.
    pub outcome: O,
    /// What it was.
    pub identity: Identity,
    /// What else a judge should know; absent in files of older programs.
    #[serde(default)]
    pub facts: Facts,
    /// The weights that it wrote; empty in files of older programs.
    #[serde(default, skip_serializing_if = "Written::is_empty")]
    pub weights: Written,
}

/// What a run turned out to be, beside what it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Weights that the first checkpoint should have given and did not, which stayed random (`--allow-missing`).
    pub not_loaded: Vec<String>,
    /// Weights that it should have given; 0 of a run from random weights.
    pub should_load: usize,
    /// Training examples left out for want of features.
    pub train_left_out: usize,
    /// Validation examples likewise.
    pub valid_left_out: usize,
}

/// Its name in a run's folder.
pub const FILE_NAME: &str = "outcome.json";

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE_NAME)
}

impl<O: Serialize + DeserializeOwned> Finished<O> {
    /// The one whose results are in `folder`, if there is one.
    ///
    /// # Errors
    /// Data where the file is damaged.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        read_json(folder)
    }

    /// Refuses a run whose vocabulary or one of whose values ([`Identity::run`] or some of it) differs.
    ///
    /// # Errors
    /// Usage if a setting differs, with its name.
    pub fn check(&self, now: &Identity, folder: &Path) -> Result<()> {
        let then = self.identity.run.iter().filter(|(name, _)| now.run.contains_key(*name));
        let of = |identity: &Identity, run| Identity { run, machine: Default::default(), ..identity.clone() };
        let then = of(&self.identity, then.map(|(name, value)| (name.clone(), value.clone())).collect());
        of(now, now.run.clone()).check(&then, &path(folder), &mut |_| {})
    }

    /// Writes it.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text =
            serde_json::to_vec_pretty(self).map_err(|e| Error::bug("an outcome cannot be written").because(e))?;
        files::write_bytes(&path(folder), &text)
    }
}

/// Reads a folder's outcome as whatever `T` is; `None` if there is none.
///
/// # Errors
/// Where there is one that cannot be read. It may stand for days of work, so nothing may take its place.
pub(super) fn read_json<T: DeserializeOwned>(folder: &Path) -> Result<Option<T>> {
    const LARGEST: u64 = 1 << 20;
    let path = path(folder);
    // A link that leads nowhere is there, too.
    if path.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let advice = "put it right, pass --restart to move what is in the folder aside (nothing is deleted), or name another \
                  --output";
    let text = files::read_text(&path, LARGEST).map_err(|e| e.next(advice))?;
    serde_json::from_str(&text).map(Some).map_err(|e| {
        Error::data(format!("{} cannot be understood, so it is not known which run has ended here", path.display()))
            .because(e)
            .next(advice)
    })
}
