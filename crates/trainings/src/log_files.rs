//! The logs that a training writes: `log.log`, `metrics.jsonl` and TensorBoard's event file. Decides where they are truncated on
//! resume, not what stands in them.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::append_log::AppendLog;
use super::tensorboard::TensorBoardLog;
use base::error::Result;

/// Name of the log that is kept from run to run.
pub const LOG: &str = "log.log";

/// The open logs of a run.
pub struct LogFiles {
    log: AppendLog,
    metrics: AppendLog,
    /// TensorBoard's event file.
    pub events: TensorBoardLog,
}

/// Lengths of the logs in bytes, to which they are truncated when a run resumes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LogLengths {
    log: u64,
    metrics: u64,
    events: u64,
}

impl LogFiles {
    /// Opens the logs in `folder`, truncated to the lengths `at`. For a new run (`None`) `log.log` is appended to, as in the
    /// original's fine-tuning, and the others start empty.
    ///
    /// # Errors
    /// Data if a log is shorter than it was; I/O if one cannot be written.
    pub fn open(folder: &Path, at: Option<LogLengths>) -> Result<Self> {
        Ok(Self {
            log: AppendLog::open(&folder.join(LOG), at.map(|at| at.log))?,
            metrics: AppendLog::open(&folder.join("metrics.jsonl"), Some(at.map_or(0, |at| at.metrics)))?,
            events: TensorBoardLog::open(folder, at.map(|at| at.events))?,
        })
    }

    /// Appends lines in the original's form to `log.log`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn lines(&mut self, lines: &str) -> Result<()> {
        self.log.write(lines.as_bytes())?;
        self.log.flush()
    }

    /// Appends a step's line to `metrics.jsonl`. It needs at least the fields that `judge::report::metrics` reads.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn step(&mut self, line: &Value) -> Result<()> {
        self.metrics.write(format!("{line}\n").as_bytes())
    }

    /// Appends an epoch's line to `metrics.jsonl` and flushes the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn epoch(&mut self, line: &Value) -> Result<()> {
        self.step(line)?;
        self.metrics.flush()
    }

    /// Writes the logs to disk and returns their lengths.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn mark(&mut self) -> Result<LogLengths> {
        Ok(LogLengths { log: self.log.mark()?, metrics: self.metrics.mark()?, events: self.events.mark()? })
    }
}
