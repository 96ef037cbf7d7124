//! Messages about data that were read.

use crate::emitter::Emitter;
use trainings::examples::{FeatureSource, PreparedSplit};

/// Reports the examples and features that were read for a task's splits.
pub(crate) fn report_split(emitter: &Emitter, questions: &PreparedSplit) {
    let what = format!("{} {}", questions.data.task, questions.data.splits.join(","));
    let counts = (questions.examples.len(), "examples", questions.dropped());
    report_data(emitter, &what, counts, &questions.source);
}

/// Reports the data that were read for `what`: how many items are used, how many are skipped, and the features.
pub(crate) fn report_data(
    emitter: &Emitter,
    what: &str,
    (used, noun, dropped): (usize, &str, usize),
    source: &FeatureSource,
) {
    let dropped = match dropped {
        0 => String::new(),
        n => format!(", {n} skipped because they have no features"),
    };
    emitter.message(format_args!(
        "{what}: {used} {noun}{dropped}; {} images with {} boxes of {} features",
        source.images(),
        source.boxes(),
        source.dim()
    ));
}
