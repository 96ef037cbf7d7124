//! Who hears how a run goes.

use base::error::Result;
use trainings::progress::TrainProgress;

/// Hears how a run goes.
pub trait Observer {
    /// The folder is this run's own, and a snapshot is there: a first one, or the one from which it is resumed.
    ///
    /// # Errors
    /// Whatever keeps the observer from its work ends the run.
    fn started(&mut self, _resumed: bool) -> Result<()> {
        Ok(())
    }
    /// After each step.
    fn step(&mut self, progress: &TrainProgress);
    /// Validation has gone over so many more examples.
    fn validated(&mut self, examples: usize);
    /// Lines that log.log has got.
    fn lines(&mut self, lines: &str);
    /// What a person should know about a break.
    fn note(&mut self, text: &str);
}
