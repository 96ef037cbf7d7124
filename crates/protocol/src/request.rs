//! What a worker is asked to do.

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
    /// What it computes on: cpu, cuda, cuda:N or auto.
    pub device: String,
    /// Threads of the arithmetic.
    pub threads: u32,
    /// A file to which it appends what it says, progress left out; none where nobody reads that.
    pub record: Option<PathBuf>,
    /// Whether it ends in order when its stdin closes.
    pub lifeline: bool,
    /// What is to be done.
    pub job: Job,
}
