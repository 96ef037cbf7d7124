//! Reads the snapshots of a training that has not ended.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use base::error::{Error, Result};
use data::dataset::Task;

/// Folder of the snapshots, in the folder of the training.
pub const SNAPSHOTS: &str = "snapshots";
/// Key in the metadata of a snapshot under which it describes itself.
const KEY: &str = "lxmert_repro.snapshot";

/// What the newest readable snapshot of a training says of it, whichever training it is.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotHead {
    /// The options and data that decide the result.
    pub options: Map<String, Value>,
    /// Steps taken when it was written.
    pub step: u64,
}

/// A training that was stopped or is still running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedTraining {
    /// The task that it learns.
    pub task: Task,
    /// Its seed.
    pub seed: Option<u64>,
    /// Step of the last snapshot.
    pub step: u64,
}

/// Reads the newest readable snapshot of a fine-tuning in `folder`; `None` if there is none.
///
/// # Errors
/// Infra if the folder cannot be listed.
pub fn read(folder: &Path) -> Result<Option<UnfinishedTraining>> {
    newest(folder, fine_tuning)
}

/// Returns what the newest readable snapshot in a training's folder says; `None` if there is none.
///
/// # Errors
/// Infra if the folder cannot be listed.
pub fn head(folder: &Path) -> Result<Option<SnapshotHead>> {
    newest(folder, Some)
}

fn newest<T>(folder: &Path, of: impl Fn(SnapshotHead) -> Option<T>) -> Result<Option<T>> {
    let snapshots = folder.join(SNAPSHOTS);
    if !snapshots.is_dir() {
        return Ok(None);
    }
    let entries = std::fs::read_dir(&snapshots).map_err(|e| Error::io("list", &snapshots, &e))?;
    // Step numbers have leading zeros.
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    Ok(files.iter().rev().find_map(|path| of(about(path)?)))
}

fn about(path: &Path) -> Option<SnapshotHead> {
    let metadata = checkpoint::read_metadata(path).ok()??;
    let about: Value = serde_json::from_str(metadata.get(KEY)?).ok()?;
    let options = about.pointer("/identity/run")?.as_object()?.clone();
    Some(SnapshotHead { options, step: about["step"].as_u64()? })
}

fn fine_tuning(SnapshotHead { options, step }: SnapshotHead) -> Option<UnfinishedTraining> {
    let task = serde_json::from_value(options.get("task")?.clone()).ok()?;
    Some(UnfinishedTraining { task, seed: options.get("--seed").and_then(Value::as_u64), step })
}
