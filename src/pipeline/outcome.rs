//! What the stages of a run left.

use std::path::PathBuf;

use super::decide::Done;
use judge::report::{Failure, StageRow};

/// What the stages left, for the judge.
pub struct Outcome {
    /// The run's folder, with a link to each stage that is done.
    pub folder: PathBuf,
    /// What stopped the run, if something did.
    pub failure: Option<Failure>,
    pub(super) done: Done,
    pub(super) rows: Vec<StageRow>,
    /// Whether a stage ran that does not run every time, or gave an error.
    pub(super) worked: bool,
}

impl Outcome {
    /// Path of an output; `None` if its stage was not done or did not write it.
    pub fn output(&self, stage: &str, path: &str) -> Option<PathBuf> {
        let (folder, record) = self.done.get(stage)?;
        record.output(path).map(|o| folder.join(&o.path))
    }

    /// Whether a stage was done.
    pub fn is_done(&self, stage: &str) -> bool {
        self.done.contains_key(stage)
    }
}
