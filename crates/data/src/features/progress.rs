//! How far a long reading of a file is, for whoever wants to hear it.

use std::path::Path;

/// Whether a store had to be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was built from its TSV.
    Built,
    /// One with the same content was there.
    Reused,
}

impl Outcome {
    /// `built` or `reused`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Built => "built",
            Self::Reused => "reused",
        }
    }
}

/// Hears about the reading of a file.
pub trait Progress {
    /// A pass over `total` bytes begins; `doing` is such as `building train2014_obj36`.
    fn begin(&self, doing: &str, total: u64);
    /// So many more bytes were read.
    fn advance(&self, bytes: u64);
    /// The pass ended, well or not.
    fn end(&self);
    /// A store is ready.
    fn ready(&self, outcome: Outcome, store: &Path, images: usize);
    /// Something that a person should know, though it goes on.
    fn note(&self, _text: &str) {}
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
    fn ready(&self, _: Outcome, _: &Path, _: usize) {}
}

/// Ends a pass when dropped, also when it failed.
pub(super) struct Pass<'p>(&'p dyn Progress);

impl<'p> Pass<'p> {
    pub(super) fn begin(progress: &'p dyn Progress, doing: &str, total: u64) -> Self {
        progress.begin(doing, total);
        Self(progress)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
