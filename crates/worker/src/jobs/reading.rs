//! What is said of data that were read.

use crate::emit::Emitter;
use trainings::examples::{FeatureSource, PreparedSplit};

/// Says what was read of a task's splits.
pub(crate) fn say_what_was_read(emitter: &Emitter, questions: &PreparedSplit) {
    let what = format!("{} {}", questions.data.task, questions.data.splits.join(","));
    let counts = (questions.examples.len(), "examples", questions.dropped());
    say_what_was_read_as(emitter, &what, counts, &questions.source);
}

/// Says what was read of `what`: how many of these are used and left out, and of the features.
pub(crate) fn say_what_was_read_as(
    emitter: &Emitter,
    what: &str,
    (used, noun, dropped): (usize, &str, usize),
    source: &FeatureSource,
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
