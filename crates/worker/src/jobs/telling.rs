//! What is said while a training goes on, whichever it is.

use base::error::Result;
use protocol::Unit;

use super::work::Work;

/// Tells how far a training is.
pub struct Telling<'a> {
    /// The work that it tells of.
    pub work: &'a Work<'a>,
    examples: usize,
    valid: usize,
    /// Examples validated since the epoch's last step.
    validated: Option<usize>,
    epoch: Option<u64>,
}

impl<'a> Telling<'a> {
    /// Of a training on so many examples, validated on so many.
    pub fn new(work: &'a Work<'a>, examples: usize, valid: usize) -> Self {
        Self { work, examples, valid, validated: None, epoch: None }
    }

    /// The training has its folder to itself.
    ///
    /// # Errors
    /// Where the record cannot be written.
    pub fn begin(&self, resumed: bool) -> Result<()> {
        self.work.begin_record(resumed)
    }

    /// So many examples of an epoch are done.
    pub fn at(&mut self, epoch: u64, done: usize, words: String) {
        let emitter = self.work.emitter;
        if self.epoch != Some(epoch) {
            (self.epoch, self.validated) = (Some(epoch), None);
            emitter.pass(&format!("epoch {epoch}"), self.examples as u64, Unit::Examples);
        }
        emitter.at(done as u64, words);
    }

    /// So many more examples are validated.
    pub fn validate(&mut self, examples: usize) {
        let emitter = self.work.emitter;
        let before = self.validated.unwrap_or_else(|| {
            emitter.pass("valid", self.valid as u64, Unit::Examples);
            0
        });
        self.validated = Some(before + examples);
        emitter.at((before + examples) as u64, "");
    }
}
