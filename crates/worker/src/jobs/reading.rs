//! What is said while data are read.

use std::cell::Cell;
use std::path::Path;

use data::features::progress::{Outcome, Progress};
use protocol::Unit;
use trainings::examples::{Questions, Source};

use crate::emit::Emitter;

/// Tells of the reading of files.
pub struct Reading<'a> {
    emitter: &'a Emitter,
    done: Cell<u64>,
}

impl<'a> Reading<'a> {
    /// Through an emitter.
    pub fn new(emitter: &'a Emitter) -> Self {
        Self { emitter, done: Cell::new(0) }
    }
}

impl Progress for Reading<'_> {
    fn begin(&self, doing: &str, total: u64) {
        self.done.set(0);
        self.emitter.pass(doing, total, Unit::Bytes);
    }

    fn advance(&self, bytes: u64) {
        self.done.set(self.done.get() + bytes);
        self.emitter.at(self.done.get(), "");
    }

    fn end(&self) {
        self.emitter.passed();
    }

    fn ready(&self, outcome: Outcome, store: &Path, images: usize) {
        self.emitter.said(format_args!("features: {} {} ({images} images)", outcome.name(), store.display()));
    }

    fn note(&self, text: &str) {
        self.emitter.said(format_args!("features: {text}"));
    }
}

/// Says what was read of a task's splits.
pub fn say_what_was_read(emitter: &Emitter, questions: &Questions) {
    let what = format!("{} {}", questions.data.task, questions.data.splits.join(","));
    let counts = (questions.questions.len(), "examples", questions.dropped());
    say_what_was_read_as(emitter, &what, counts, &questions.source);
}

/// Says what was read of `what`: how many of these are used and left out, and of the features.
pub fn say_what_was_read_as(
    emitter: &Emitter,
    what: &str,
    (used, noun, dropped): (usize, &str, usize),
    source: &Source,
) {
    let dropped = match dropped {
        0 => String::new(),
        n => format!(", {n} left out for want of features"),
    };
    emitter.said(format_args!(
        "{what}: {used} {noun}{dropped}; {} images with {} boxes of {} features",
        source.images(),
        source.boxes(),
        source.dim()
    ));
}
