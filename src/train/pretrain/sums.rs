//! What is summed over an epoch, and the lines that are printed of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::step::Measured;
use crate::dataset::pretrain::data::PretrainData;
use crate::dataset::pretrain::evaluator::Given;
use crate::lxrt::pretraining::Tasks;

/// Sums over the batches of an epoch so far; exact in JSON, so that a run can go on from them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Batches.
    pub batches: u64,
    loss: f64,
    losses: Vec<f64>,
    /// Right items and all, by the names of the tasks that classify.
    right: BTreeMap<String, (u64, u64)>,
    answers: Given,
}

impl Sums {
    /// Adds a batch of this data.
    pub fn add(&mut self, measured: &Measured, data: &PretrainData) {
        self.batches += 1;
        self.loss += measured.loss;
        self.losses.resize(measured.losses.len(), 0.0);
        for (sum, loss) in self.losses.iter_mut().zip(&measured.losses) {
            *sum += loss;
        }
        for &(name, right, of) in &measured.right {
            let sum = self.right.entry(name.to_owned()).or_default();
            *sum = (sum.0 + right, sum.1 + of);
        }
        for &(number, answer) in &measured.answers {
            self.answers.add(data, number, Some(answer));
        }
    }

    /// The mean of the batches' losses.
    pub fn loss(&self) -> f64 {
        self.loss / self.batches.max(1) as f64
    }

    /// The original's lines: what `title` says about the loss, the losses by their names, and the accuracy of answers where
    /// there are any (src/pretrain/lxmert_pretrain.py @ 0db1182, whose names are wrong unless all tasks are on).
    pub fn lines(&self, title: &str, tasks: Tasks) -> String {
        let mut lines = format!("{title} is {:.4}\nThe losses are ", self.loss());
        for (name, sum) in tasks.names().into_iter().zip(&self.losses) {
            let _ = write!(lines, "{name}: {:.4} ", sum / self.batches.max(1) as f64);
        }
        lines.push('\n');
        if let Some(accuracy) = self.answers.accuracy() {
            let _ = writeln!(lines, "{accuracy}");
        }
        lines
    }

    /// The same for `metrics.jsonl`, with the accuracies (0 to 1) of the tasks that classify.
    pub fn metrics(&self, tasks: Tasks) -> Value {
        let means = self.losses.iter().map(|sum| sum / self.batches.max(1) as f64);
        let losses: Map<String, Value> =
            tasks.names().into_iter().zip(means).map(|(name, mean)| (name.to_owned(), mean.into())).collect();
        let share = |(name, &(right, of)): (&String, &(u64, u64))| (name.clone(), right as f64 / of.max(1) as f64);
        let accuracy: BTreeMap<String, f64> = self.right.iter().map(share).collect();
        let answers = self.answers.accuracy().map(|a| json!({"overall": a.overall, "per_category": a.per_category}));
        json!({"loss": self.loss(), "losses": losses, "accuracy": accuracy, "answers": answers})
    }
}
