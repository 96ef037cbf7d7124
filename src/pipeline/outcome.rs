//! The outcome of all stages of a run, from which it is judged.

use std::path::PathBuf;

use super::stage_state::FinishedStages;
use judge::report::{Failure, StageRow};

/// What the stages of a run left behind.
pub struct RunOutcome {
    /// The run's folder, with a link to each finished stage.
    pub folder: PathBuf,
    /// What stopped the run, if anything.
    pub failure: Option<Failure>,
    pub(super) done: FinishedStages,
    pub(super) rows: Vec<StageRow>,
    /// Whether a stage failed, or one ran that does not run every time.
    pub(super) worked: bool,
}

impl RunOutcome {
    /// Returns the path of an output; `None` if its stage did not finish or did not write it.
    pub fn output(&self, stage: &str, path: &str) -> Option<PathBuf> {
        let (folder, record) = self.done.get(stage)?;
        record.output(path).map(|o| folder.join(&o.path))
    }

    /// Whether a stage finished.
    pub fn is_done(&self, stage: &str) -> bool {
        self.done.contains_key(stage)
    }
}
