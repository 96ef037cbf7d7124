//! What the snapshots of a training say that has not ended.

use std::path::{Path, PathBuf};

use serde_json::Value;

use base::error::{Error, Result};
use data::dataset::Task;

/// Folder of a training's snapshots, within its own.
const SNAPSHOTS: &str = "snapshots";
/// Key of what a snapshot says of itself, in its file's metadata.
const KEY: &str = "lxmert_repro.snapshot";

/// A training that was stopped, or is still at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// What it learns.
    pub task: Task,
    /// Its seed.
    pub seed: Option<u64>,
    /// Steps taken when the last snapshot was written.
    pub step: u64,
}

/// The training whose snapshots lie in its folder; none where there are none of a fine-tuning that can be read.
///
/// # Errors
/// Where the folder cannot be listed.
pub fn read(folder: &Path) -> Result<Option<Unfinished>> {
    let snapshots = folder.join(SNAPSHOTS);
    if !snapshots.is_dir() {
        return Ok(None);
    }
    let entries = std::fs::read_dir(&snapshots).map_err(|e| Error::io("list", &snapshots, &e))?;
    // Step numbers have leading zeros.
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    Ok(files.iter().rev().find_map(|path| about(path)))
}

fn about(path: &Path) -> Option<Unfinished> {
    let metadata = checkpoint::read_metadata(path).ok()??;
    let about: Value = serde_json::from_str(metadata.get(KEY)?).ok()?;
    let run = about.pointer("/identity/run")?;
    Some(Unfinished {
        task: serde_json::from_value(run.get("task")?.clone()).ok()?,
        seed: run.get("--seed").and_then(Value::as_u64),
        step: about["step"].as_u64()?,
    })
}
