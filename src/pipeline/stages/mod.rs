//! What stages of several profiles do and leave: fine-tune a task, answer its evaluation set.

mod evaluate;
mod train;

use std::path::Path;

pub(super) use evaluate::{Evaluation, evaluate, predictions_file};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
pub(super) use train::{FineTuning, train};

use base::error::{Error, Result};
use base::files;

/// What a training leaves that depends on the machine or the time: how it ended, and TensorBoard's events.
pub(super) const OUTCOME: &str = "outcome.json";
pub(super) const EVENTS: &str = "events.out.tfevents.0000000001.repro";

/// Result of an evaluation.
pub(super) const SCORE: &str = "score.json";
/// Largest JSON of a stage that is read back.
const LARGEST: u64 = 64 << 20;

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Score {
    /// Mean score, percent.
    pub accuracy: f64,
    /// Examples answered.
    pub n: u64,
    /// NLVR2: groups of examples of one sentence with every example right, percent.
    pub consistency: Option<f64>,
}

impl Score {
    /// What there is to say beside the accuracy.
    pub fn sentences(&self) -> Vec<String> {
        let text = |c| format!("consistency {c:.2}: sentences judged right on all their pairs of pictures");
        self.consistency.map(text).into_iter().collect()
    }
}

/// Writes a result of a stage.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|e| Error::bug("a result cannot be written").because(e))?;
    files::write_bytes(path, &text)
}

/// Reads a result of a stage.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_str(&files::read_text(path, LARGEST)?)
        .map_err(|e| Error::data(format!("{} is not what its stage wrote", path.display())).because(e))
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_those_that_training_gives() {
        assert_eq!(super::OUTCOME, trainings::outcome::FILE_NAME);
        assert_eq!(super::EVENTS, trainings::tensorboard::FILE_NAME);
    }
}
