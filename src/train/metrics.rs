//! `metrics.jsonl`: one line a step and one an epoch, for plots and scripts.

use std::path::Path;

use serde::Serialize;

use super::appended::Appended;
use crate::error::{Error, Result};

/// A line of the file.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// After an optimiser step.
    Step {
        /// From 1.
        step: u64,
        /// Of the batch, before the step.
        loss: f64,
        /// L2, before clipping.
        grad_norm: f64,
        /// Used by the step.
        lr: f64,
    },
    /// After an epoch.
    Epoch {
        /// From 0.
        epoch: u64,
        /// Percent right of the answers given while training.
        train: f64,
        /// Percent right on the validation data.
        valid: Option<f64>,
        /// The best validation percentage so far.
        best: Option<f64>,
        /// Training speed.
        examples_per_second: f64,
    },
}

/// The lines of one run.
pub struct Metrics {
    out: Appended,
}

impl Metrics {
    /// Goes on after the first `keep` bytes of `path`: 0 starts it anew.
    ///
    /// # Errors
    /// As [`Appended::open`].
    pub fn open(path: &Path, keep: u64) -> Result<Self> {
        Appended::open(path, Some(keep)).map(|out| Self { out })
    }

    /// Writes a line; an epoch's line also brings everything before it to the file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&mut self, line: &Line) -> Result<()> {
        let mut text =
            serde_json::to_vec(line).map_err(|e| Error::bug("a metrics line cannot be written").because(e))?;
        text.push(b'\n');
        self.out.write(&text)?;
        if matches!(line, Line::Epoch { .. }) { self.out.flush() } else { Ok(()) }
    }

    /// Forces everything to disk; the length to keep when resuming from now.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn mark(&mut self) -> Result<u64> {
        self.out.mark()
    }
}
