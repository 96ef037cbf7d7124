//! Names of the files that these stages write, and how they write results.

use std::path::Path;

use serde::Serialize;

use base::error::{Error, Result};
use base::files;

/// Files of a training that depend on the machine or the time: how it ended, and TensorBoard's events.
pub(in crate::pipeline) const OUTCOME: &str = "outcome.json";
pub(in crate::pipeline) const EVENTS: &str = "events.out.tfevents.0000000001.repro";

/// Writes a result as JSON.
pub(in crate::pipeline) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|e| Error::bug("a result cannot be written").because(e))?;
    files::write_bytes(path, &text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_those_that_training_gives() {
        assert_eq!(super::super::OUTCOME, trainings::outcome::FILE_NAME);
        assert_eq!(super::super::EVENTS, trainings::tensorboard::FILE_NAME);
    }
}
