//! The trait for following a training.

use base::error::Result;
use trainings::progress::TrainProgress;

/// A receiver of a training's progress.
pub trait TrainObserver {
    /// Called once the output folder is locked and holds a snapshot: the first one, or the one from which the run resumes.
    ///
    /// # Errors
    /// An error ends the run.
    fn started(&mut self, _resumed: bool) -> Result<()> {
        Ok(())
    }
    /// Called after each step.
    fn step(&mut self, progress: &TrainProgress);
    /// Called when validation has processed this many more examples.
    fn validated(&mut self, examples: usize);
    /// Called with lines that were added to log.log.
    fn lines(&mut self, lines: &str);
    /// Called with a note about an interruption, such as a skipped snapshot.
    fn note(&mut self, text: &str);
}
