//! What a training run writes as it goes: `log.log` as the original, `metrics.jsonl`, and TensorBoard's events.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::appended::Appended;
use super::metrics::{Line, Metrics};
use super::tensorboard::Events;
use crate::error::Result;

/// The logs of one run.
pub struct Logs {
    log: Appended,
    metrics: Metrics,
    events: Events,
}

/// Lengths to which the logs are cut when a run goes on.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Marks {
    log: u64,
    metrics: u64,
    events: u64,
}

impl Logs {
    /// Those in `folder`, cut back to where they were `at`. For a new run `log.log` grows, as in the original; the others start
    /// anew.
    ///
    /// # Errors
    /// Data where one is shorter than it was.
    pub fn open(folder: &Path, at: Option<Marks>) -> Result<Self> {
        Ok(Self {
            log: Appended::open(&folder.join("log.log"), at.map(|at| at.log))?,
            metrics: Metrics::open(&folder.join("metrics.jsonl"), at.map_or(0, |at| at.metrics))?,
            events: Events::open(folder, at.map(|at| at.events))?,
        })
    }

    /// After a step, the first being 1.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn step(&mut self, step: u64, loss: f64, grad_norm: f64, lr: f64) -> Result<()> {
        self.metrics.write(&Line::Step { step, loss, grad_norm, lr })?;
        for (tag, value) in [("train/loss", loss), ("train/grad_norm", grad_norm), ("train/lr", lr)] {
            self.events.scalar(tag, step, value)?;
        }
        // For a person who watches.
        self.events.flush()
    }

    /// After an epoch that ended with `step`: its scores, 0 to 1, those of validation being this one and the best so far. The
    /// lines that log.log got.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn epoch(
        &mut self,
        epoch: u64,
        step: u64,
        train: f64,
        valid: Option<(f64, f64)>,
        examples_per_second: f64,
    ) -> Result<String> {
        let (train, valid, best) = (train * 100.0, valid.map(|v| v.0 * 100.0), valid.map(|v| v.1 * 100.0));
        let mut lines = format!("\nEpoch {epoch}: Train {train:.2}\n");
        if let (Some(valid), Some(best)) = (valid, best) {
            lines += &format!("Epoch {epoch}: Valid {valid:.2}\nEpoch {epoch}: Best {best:.2}\n");
        }
        self.log.write(lines.as_bytes())?;
        self.log.flush()?;
        self.metrics.write(&Line::Epoch { epoch, train, valid, best, examples_per_second })?;
        self.events.scalar("train/accuracy", step, train)?;
        self.events.scalar("train/examples_per_second", step, examples_per_second)?;
        if let Some(valid) = valid {
            self.events.scalar("valid/accuracy", step, valid)?;
        }
        self.events.flush()?;
        Ok(lines)
    }

    /// Forces them to disk.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn mark(&mut self) -> Result<Marks> {
        Ok(Marks { log: self.log.mark()?, metrics: self.metrics.mark()?, events: self.events.mark()? })
    }
}
