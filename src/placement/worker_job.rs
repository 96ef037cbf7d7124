//! The description of one piece of work for a worker, independent of where it runs.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::Value;

use base::error::{Error, Result};
use protocol::Job;
use sandbox::StopToken;

/// A piece of work for a worker, with the files that it needs.
#[derive(Debug)]
pub struct WorkerJob {
    /// Name for messages, such as `train` or `stage train-vqa`.
    pub name: String,
    /// What to do.
    pub job: Job,
    /// Device: cpu, cuda, cuda:N or auto.
    pub device: String,
    /// CPU threads.
    pub threads: usize,
    /// File to which the worker appends its events.
    pub record: Option<PathBuf>,
    /// Files that it reads and writes; a container sees no others.
    pub files: FileAccess,
    /// Ends it early, as SIGTERM does.
    pub stop: Option<StopToken>,
}

impl WorkerJob {
    /// Converts the result of the work to its type.
    ///
    /// # Errors
    /// Bug if the result has a different type.
    pub fn read<T: DeserializeOwned>(&self, result: Value) -> Result<T> {
        serde_json::from_value(result)
            .map_err(|e| Error::bug(format!("the result of {} has the wrong type", self.name)).because(e))
    }
}

/// The files and folders that a piece of work may access. Paths may be relative.
#[derive(Debug, Clone, Default)]
pub struct FileAccess {
    /// Paths to read; missing ones are skipped.
    pub reads: Vec<PathBuf>,
    /// The folder to write into; created for a container if missing.
    pub folder: Option<PathBuf>,
    /// The one file to write; nothing else in its folder is accessible.
    pub file: Option<PathBuf>,
}
