//! What a finished run leaves beside its weights: `outcome.json`.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use super::snapshot::Identity;
use crate::error::{Error, Result};
use crate::files;

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
        const LARGEST: u64 = 1 << 20;
        let path = path(folder);
        if !path.exists() {
            return Ok(None);
        }
        let text = files::read_text(&path, LARGEST)?;
        serde_json::from_str(&text).map(Some).map_err(|e| {
            Error::data(format!("{} cannot be understood", path.display()))
                .because(e)
                .next("remove it to train again, or begin anew with --restart")
        })
    }

    /// Refuses a run that differs in one of the values of `run` ([`Identity::run`] or some of it).
    ///
    /// # Errors
    /// Usage, naming what differs.
    pub fn check(&self, run: &BTreeMap<String, Value>, folder: &Path) -> Result<()> {
        let then = self.identity.run.iter().filter(|(name, _)| run.contains_key(*name));
        let then =
            Identity { run: then.map(|(name, value)| (name.clone(), value.clone())).collect(), ..Identity::default() };
        let now = Identity { run: run.clone(), ..Identity::default() };
        now.check(&then, &path(folder), &mut |_| {})
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

/// Takes an outcome away: another run begins.
///
/// # Errors
/// Where it cannot be removed.
pub fn remove(folder: &Path) -> Result<()> {
    let path = path(folder);
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path, &e)),
        _ => Ok(()),
    }
}
