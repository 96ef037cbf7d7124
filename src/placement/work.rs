//! Work that is to be done somewhere.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::Value;

use base::error::{Error, Result};
use protocol::Job;

/// What a worker is to do, and what it touches.
#[derive(Debug)]
pub struct Asked {
    /// For messages, such as `train` or `stage train-vqa`.
    pub name: String,
    /// The work.
    pub job: Job,
    /// cpu, cuda, cuda:N or auto.
    pub device: String,
    /// Threads of the arithmetic.
    pub threads: usize,
    /// A file to which the worker appends what it says.
    pub record: Option<PathBuf>,
    /// What it reads and writes; a container sees nothing else.
    pub touched: Touched,
}

impl Asked {
    /// What the result of the work says.
    ///
    /// # Errors
    /// A bug where it is none of this kind.
    pub fn read<T: DeserializeOwned>(&self, result: Value) -> Result<T> {
        serde_json::from_value(result)
            .map_err(|e| Error::bug(format!("the result of {} is another", self.name)).because(e))
    }
}

/// What work touches. Paths need not be absolute.
#[derive(Debug, Clone, Default)]
pub struct Touched {
    /// Read if they are there.
    pub reads: Vec<PathBuf>,
    /// The folder that is written into; for a container, made where it is not there.
    pub folder: Option<PathBuf>,
    /// The one file that is written, and nothing else in its folder.
    pub file: Option<PathBuf>,
}
