//! What a training run writes as it goes: `log.log` as the original, `metrics.jsonl`, and TensorBoard's events.

use std::path::Path;

use serde_json::json;

use super::log_files::{LogFiles, Marks};
use base::error::Result;

/// The logs of one run.
pub struct Logs {
    files: LogFiles,
}

impl Logs {
    /// As [`LogFiles::open`].
    ///
    /// # Errors
    /// Data where one is shorter than it was.
    pub fn open(folder: &Path, at: Option<Marks>) -> Result<Self> {
        LogFiles::open(folder, at).map(|files| Self { files })
    }

    /// After a step, the first being 1.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn step(&mut self, step: u64, loss: f64, grad_norm: f64, lr: f64) -> Result<()> {
        let line = json!({"kind": "step", "step": step, "loss": loss, "grad_norm": grad_norm, "lr": lr});
        self.files.step(&line)?;
        for (tag, value) in [("train/loss", loss), ("train/grad_norm", grad_norm), ("train/lr", lr)] {
            self.files.events.scalar(tag, step, value)?;
        }
        // For a person who watches.
        self.files.events.flush()
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
        self.files.lines(&lines)?;
        self.files.epoch(&json!({
            "kind": "epoch",
            "epoch": epoch,
            "train": train,
            "valid": valid,
            "best": best,
            "examples_per_second": examples_per_second,
        }))?;
        self.files.events.scalar("train/accuracy", step, train)?;
        self.files.events.scalar("train/examples_per_second", step, examples_per_second)?;
        if let Some(valid) = valid {
            self.files.events.scalar("valid/accuracy", step, valid)?;
        }
        self.files.events.flush()?;
        Ok(lines)
    }

    /// Forces them to disk.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn mark(&mut self) -> Result<Marks> {
        self.files.mark()
    }
}
