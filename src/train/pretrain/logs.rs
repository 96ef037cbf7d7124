//! What a pre-training run writes as it goes: the original's lines in `log.log`, `metrics.jsonl`, and TensorBoard's events.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::settings::Best;
use super::step::Step;
use super::sums::Sums;
use crate::error::Result;
use crate::lxrt::pretraining::Tasks;
use crate::train::appended::Appended;
use crate::train::tensorboard::Events;

/// The logs of one run.
pub struct Logs {
    tasks: Tasks,
    log: Appended,
    metrics: Appended,
    events: Events,
}

/// Lengths to which the logs are cut when a run goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Marks {
    log: u64,
    metrics: u64,
    events: u64,
}

impl Logs {
    /// Those in `folder`, cut back to where they were `at`. For a new run `log.log` grows, as in fine-tuning; the others start
    /// anew.
    ///
    /// # Errors
    /// Data where one is shorter than it was.
    pub fn open(folder: &Path, tasks: Tasks, at: Option<Marks>) -> Result<Self> {
        Ok(Self {
            tasks,
            log: Appended::open(&folder.join("log.log"), at.map(|at| at.log))?,
            metrics: Appended::open(&folder.join("metrics.jsonl"), Some(at.map_or(0, |at| at.metrics)))?,
            events: Events::open(folder, at.map(|at| at.events))?,
        })
    }

    /// Lines of the original's.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn lines(&mut self, lines: &str) -> Result<()> {
        self.log.write(lines.as_bytes())?;
        self.log.flush()
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
        self.metrics.write(format!("{line}\n").as_bytes())?;
        let all = [("loss", &step.measured.loss), ("grad_norm", &step.grad_norm), ("lr", &step.lr)];
        for (tag, value) in all.into_iter().chain(named) {
            self.events.scalar(&format!("train/{tag}"), number, *value)?;
        }
        // For a person who watches.
        self.events.flush()
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
        self.metrics.write(format!("{line}\n").as_bytes())?;
        self.metrics.flush()?;
        self.events.scalar("train/examples_per_second", step, examples_per_second)?;
        for (tag, value) in train.accuracies() {
            self.events.scalar(&format!("train/accuracy/{tag}"), step, value)?;
        }
        if let Some(valid) = valid {
            self.events.scalar("valid/loss", step, valid.loss())?;
            for (tag, value) in valid.losses(self.tasks) {
                self.events.scalar(&format!("valid/{tag}"), step, value)?;
            }
            for (tag, value) in valid.accuracies() {
                self.events.scalar(&format!("valid/accuracy/{tag}"), step, value)?;
            }
        }
        self.events.flush()
    }

    /// Forces them to disk.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn mark(&mut self) -> Result<Marks> {
        Ok(Marks { log: self.log.mark()?, metrics: self.metrics.mark()?, events: self.events.mark()? })
    }
}
