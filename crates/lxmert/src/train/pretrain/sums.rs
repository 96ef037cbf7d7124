//! Sums losses and correct items over an epoch, and formats them for the logs and as the original's lines.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::step::BatchResults;
use data::dataset::pretrain::data::PretrainData;
use data::dataset::pretrain::evaluator::AnswerScores;
use lxmert_spec::pretrain_tasks::PretrainTasks;

/// The sums over the batches of an epoch so far. JSON keeps them exactly, so that a run can resume from them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PretrainSums {
    /// Number of batches.
    pub batches: u64,
    loss: f64,
    losses: Vec<f64>,
    /// Numbers of correct items and of all items, by the names of the tasks that classify.
    right: BTreeMap<String, (u64, u64)>,
    answers: AnswerScores,
}

impl PretrainSums {
    /// Adds a batch of `data`.
    pub fn add(&mut self, results: &BatchResults, data: &PretrainData) {
        self.batches += 1;
        self.loss += results.loss;
        self.losses.resize(results.losses.len(), 0.0);
        for (sum, loss) in self.losses.iter_mut().zip(&results.losses) {
            *sum += loss;
        }
        for &(name, right, of) in &results.right {
            let sum = self.right.entry(name.to_owned()).or_default();
            *sum = (sum.0 + right, sum.1 + of);
        }
        for &(number, answer) in &results.answers {
            self.answers.add(data, number, Some(answer));
        }
    }

    /// Returns an inconsistency in the sums, for batches of this size; `None` if there is none. The file of a snapshot may hold
    /// anything.
    pub fn flaw(&self, batch_size: u64) -> Option<String> {
        /// Limit of the items, words or boxes, that a task classifies in an example.
        const ITEMS: u64 = 1 << 16;
        if let Some(loss) = self.losses.iter().chain([&self.loss]).find(|loss| !loss.is_finite()) {
            return Some(format!("a sum of losses is {loss}"));
        }
        let examples = self.batches.saturating_mul(batch_size);
        let wrong = |(_, (right, of)): &(&String, &(u64, u64))| right > of || *of > examples.saturating_mul(ITEMS);
        if let Some((name, (right, of))) = self.right.iter().find(wrong) {
            return Some(format!("{right} of {of} items of {name} are correct, over {examples} examples"));
        }
        self.answers.flaw(examples)
    }

    /// Returns the mean of the batches' losses.
    pub fn loss(&self) -> f64 {
        self.loss / self.batches.max(1) as f64
    }

    /// Returns the means of the single losses by their names.
    pub fn losses(&self, tasks: PretrainTasks) -> impl Iterator<Item = (&'static str, f64)> {
        let batches = self.batches.max(1) as f64;
        tasks.names().into_iter().zip(self.losses.iter().map(move |sum| sum / batches))
    }

    /// Returns the accuracies (0 to 1) of the tasks that classify, and of the answers to questions if there are any.
    pub fn accuracies(&self) -> Vec<(String, f64)> {
        let share = |(name, &(right, of)): (&String, &(u64, u64))| (name.clone(), right as f64 / of.max(1) as f64);
        let answers = self.answers.accuracy().map(|accuracy| ("QA".to_owned(), accuracy.overall));
        self.right.iter().map(share).chain(answers).collect()
    }

    /// Returns the original's lines: the mean loss after `title`, the single losses by name, and the accuracy of answers if there
    /// are any (src/pretrain/lxmert_pretrain.py @ 0db1182, whose names are wrong unless all tasks are on).
    pub fn lines(&self, title: &str, tasks: PretrainTasks) -> String {
        let mut lines = format!("{title} is {:.4}\nThe losses are ", self.loss());
        for (name, loss) in self.losses(tasks) {
            let _ = write!(lines, "{name}: {loss:.4} ");
        }
        lines.push('\n');
        if let Some(accuracy) = self.answers.accuracy() {
            let _ = writeln!(lines, "{accuracy}");
        }
        lines
    }

    /// Returns mean losses and accuracies for `metrics.jsonl`.
    pub fn metrics(&self, tasks: PretrainTasks) -> Value {
        let named = |(name, value): (&str, f64)| (name.to_owned(), Value::from(value));
        let losses: Map<String, Value> = self.losses(tasks).map(named).collect();
        let accuracy: Map<String, Value> = self.accuracies().iter().map(|(name, a)| named((name, *a))).collect();
        let per_category = self.answers.accuracy().map(|accuracy| accuracy.per_category);
        json!({"loss": self.loss(), "losses": losses, "accuracy": accuracy, "answers": per_category})
    }
}
