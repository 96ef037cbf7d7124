//! The files that every training run writes as it goes: `log.log`, `metrics.jsonl`, and TensorBoard's events.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::append_log::AppendLog;
use super::tensorboard::Events;
use base::error::Result;

/// Name of the log that grows from run to run.
pub const LOG: &str = "log.log";

/// Those of one run.
pub struct LogFiles {
    log: AppendLog,
    metrics: AppendLog,
    /// TensorBoard's.
    pub events: Events,
}

/// Lengths to which they are cut when a run goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Marks {
    log: u64,
    metrics: u64,
    events: u64,
}

impl LogFiles {
    /// Those in `folder`, cut back to where they were `at`. For a new run `log.log` grows, as in the original's fine-tuning; the
    /// others start anew.
    ///
    /// # Errors
    /// Data where one is shorter than it was.
    pub fn open(folder: &Path, at: Option<Marks>) -> Result<Self> {
        Ok(Self {
            log: AppendLog::open(&folder.join(LOG), at.map(|at| at.log))?,
            metrics: AppendLog::open(&folder.join("metrics.jsonl"), Some(at.map_or(0, |at| at.metrics)))?,
            events: Events::open(folder, at.map(|at| at.events))?,
        })
    }

    /// Brings lines of the original's to `log.log`.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn lines(&mut self, lines: &str) -> Result<()> {
        self.log.write(lines.as_bytes())?;
        self.log.flush()
    }

    /// Writes a step's line of `metrics.jsonl`, of the form that `judge::report::metrics` reads or with more.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn step(&mut self, line: &Value) -> Result<()> {
        self.metrics.write(format!("{line}\n").as_bytes())
    }

    /// Writes an epoch's line of `metrics.jsonl`, and brings everything before it to the file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn epoch(&mut self, line: &Value) -> Result<()> {
        self.step(line)?;
        self.metrics.flush()
    }

    /// Forces them to disk.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn mark(&mut self) -> Result<Marks> {
        Ok(Marks { log: self.log.mark()?, metrics: self.metrics.mark()?, events: self.events.mark()? })
    }
}
