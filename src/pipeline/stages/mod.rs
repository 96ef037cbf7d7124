//! What stages of several profiles do and leave: fine-tune a task, answer its evaluation set.

mod evaluate;
mod train;

use std::path::Path;

pub(super) use evaluate::{Evaluation, evaluate, predictions_file};
use serde::Serialize;
pub(super) use train::{FineTuning, train};

use base::error::{Error, Result};
use base::files;

/// What a training leaves that depends on the machine or the time: how it ended, and TensorBoard's events.
pub(super) const OUTCOME: &str = "outcome.json";
pub(super) const EVENTS: &str = "events.out.tfevents.0000000001.repro";

/// Writes a result of a stage.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|e| Error::bug("a result cannot be written").because(e))?;
    files::write_bytes(path, &text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_those_that_training_gives() {
        assert_eq!(super::OUTCOME, trainings::outcome::FILE_NAME);
        assert_eq!(super::EVENTS, trainings::tensorboard::FILE_NAME);
    }
}
