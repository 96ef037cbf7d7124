//! `metrics.jsonl`: one line a step and one an epoch, for plots and scripts.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

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

/// Appends lines to a new file.
pub struct Metrics {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Metrics {
    /// Starts `path` anew.
    pub fn create(path: &Path) -> Result<Self> {
        let out = BufWriter::new(File::create(path).map_err(|e| Error::io("create", path, &e))?);
        Ok(Self { path: path.to_owned(), out })
    }

    /// Writes a line; an epoch's line also brings everything before it to the file.
    pub fn write(&mut self, line: &Line) -> Result<()> {
        let failed = |e: &std::io::Error| Error::io("write", &self.path, e);
        let text =
            serde_json::to_string(line).map_err(|e| Error::bug("a metrics line cannot be written").because(e))?;
        writeln!(self.out, "{text}").map_err(|e| failed(&e))?;
        if matches!(line, Line::Epoch { .. }) {
            self.out.flush().map_err(|e| failed(&e))?;
        }
        Ok(())
    }
}
