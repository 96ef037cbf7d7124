//! What a pre-training run writes as it goes: the original's lines in `log.log`, `metrics.jsonl`, and TensorBoard's events.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::step::Step;
use super::sums::Sums;
use base::error::Result;
use lxmert_spec::tasks::Tasks;
use trainings::log_files::{LogFiles, Marks};
use trainings::pretrain::settings::Best;

/// The logs of one run.
pub struct Logs {
    tasks: Tasks,
    files: LogFiles,
}

impl Logs {
    /// As [`LogFiles::open`].
    ///
    /// # Errors
    /// Data where one is shorter than it was.
    pub fn open(folder: &Path, tasks: Tasks, at: Option<Marks>) -> Result<Self> {
        LogFiles::open(folder, at).map(|files| Self { tasks, files })
    }

    /// Lines of the original's.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn lines(&mut self, lines: &str) -> Result<()> {
        self.files.lines(lines)
    }

    /// After a step, the first being 1.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn step(&mut self, number: u64, step: &Step) -> Result<()> {
        let named = self.tasks.names().into_iter().zip(&step.measured.losses);
        let losses: Map<String, Value> = named.clone().map(|(name, loss)| (name.to_owned(), (*loss).into())).collect();
        let line = json!({
            "kind": "step",
            "step": number,
            "loss": step.measured.loss,
            "losses": losses,
            "grad_norm": step.grad_norm,
            "lr": step.lr,
        });
        self.files.step(&line)?;
        let all = [("loss", &step.measured.loss), ("grad_norm", &step.grad_norm), ("lr", &step.lr)];
        for (tag, value) in all.into_iter().chain(named) {
            self.files.events.scalar(&format!("train/{tag}"), number, *value)?;
        }
        // For a person who watches.
        self.files.events.flush()
    }

    /// After an epoch that ended with `step`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn epoch(
        &mut self,
        (epoch, step): (u64, u64),
        train: &Sums,
        valid: Option<&Sums>,
        best: Option<Best>,
        examples_per_second: f64,
    ) -> Result<()> {
        let line = json!({
            "kind": "epoch",
            "epoch": epoch,
            "train": train.metrics(self.tasks),
            "valid": valid.map(|sums| sums.metrics(self.tasks)),
            "best": best,
            "examples_per_second": examples_per_second,
        });
        self.files.epoch(&line)?;
        self.files.events.scalar("train/examples_per_second", step, examples_per_second)?;
        for (tag, value) in train.accuracies() {
            self.files.events.scalar(&format!("train/accuracy/{tag}"), step, value)?;
        }
        if let Some(valid) = valid {
            self.files.events.scalar("valid/loss", step, valid.loss())?;
            for (tag, value) in valid.losses(self.tasks) {
                self.files.events.scalar(&format!("valid/{tag}"), step, value)?;
            }
            for (tag, value) in valid.accuracies() {
                self.files.events.scalar(&format!("valid/accuracy/{tag}"), step, value)?;
            }
        }
        self.files.events.flush()
    }

    /// Forces them to disk.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn mark(&mut self) -> Result<Marks> {
        self.files.mark()
    }
}
