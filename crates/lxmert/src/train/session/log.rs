//! The content of a run's logs: the original's lines in `log.log`, `metrics.jsonl`, and TensorBoard's scalars.

use std::path::Path;

use base::error::Result;
use serde_json::{Map, Value, json};
use trainings::log_files::{LogFiles, LogLengths};

use super::training::{EpochResult, EpochWork, StepResult};

/// The logs of one run.
pub(crate) struct RunLog {
    files: LogFiles,
}

impl RunLog {
    /// Opens the logs; see [`LogFiles::open`].
    pub(crate) fn open(folder: &Path, at: Option<LogLengths>) -> Result<Self> {
        LogFiles::open(folder, at).map(|files| Self { files })
    }

    /// Adds lines to log.log.
    pub(crate) fn lines(&mut self, lines: &str) -> Result<()> {
        self.files.lines(lines)
    }

    /// Logs a step, counted from 1, with its single losses if it has more than one.
    pub(crate) fn step<M>(&mut self, number: u64, step: &StepResult<M>, losses: &[(&'static str, f64)]) -> Result<()> {
        let StepResult { loss, grad_norm, lr, .. } = *step;
        let mut line = json!({"kind": "step", "step": number, "loss": loss});
        if !losses.is_empty() {
            line["losses"] = losses.iter().map(|&(name, loss)| (name.to_owned(), Value::from(loss))).collect();
        }
        line["grad_norm"] = grad_norm.into();
        line["lr"] = lr.into();
        self.files.step(&line)?;
        for &(tag, value) in [("loss", loss), ("grad_norm", grad_norm), ("lr", lr)].iter().chain(losses) {
            self.files.events.scalar(&format!("train/{tag}"), number, value)?;
        }
        // So that TensorBoard shows the step at once.
        self.files.events.flush()
    }

    /// Logs an epoch.
    pub(crate) fn epoch(&mut self, epoch: u64, result: &EpochResult, made: EpochWork) -> Result<()> {
        let EpochWork { steps, examples_per_second } = made;
        self.lines(&result.lines)?;
        let mut line: Map<String, Value> = [("kind", "epoch".into()), ("epoch", epoch.into())]
            .into_iter()
            .chain(result.metrics.clone())
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        line.insert("examples_per_second".to_owned(), examples_per_second.into());
        self.files.epoch(&line.into())?;
        for (tag, value) in &result.scalars {
            self.files.events.scalar(tag, steps, *value)?;
        }
        self.files.events.flush()
    }

    /// Writes the logs to disk. Returns their lengths, to which a run that resumes from now truncates them.
    pub(crate) fn mark(&mut self) -> Result<LogLengths> {
        self.files.mark()
    }
}
