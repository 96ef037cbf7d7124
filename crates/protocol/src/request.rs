//! The request that a worker executes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::job::Job;

/// A request. Paths mean the same on both sides: the worker starts in the folder that the harness was started in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`SCHEMA`](crate::SCHEMA).
    pub schema: u32,
    /// SHA-256 over the source that the worker must be built from.
    pub source: String,
    /// Device: cpu, cuda, cuda:N or auto.
    pub device: String,
    /// Number of libtorch's threads.
    pub threads: u32,
    /// File to which the worker appends its events except progress; `None` for no file.
    pub record: Option<PathBuf>,
    /// Whether the worker shuts down in order when its stdin closes.
    pub lifeline: bool,
    /// Job to execute.
    pub job: Job,
}
