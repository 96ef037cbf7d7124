//! Feature files that are read: a bar with bytes, rate and time left; a line for what is ready.

use std::path::Path;
use std::time::Duration;

use super::style::style;
use base::tell;
use data::features::progress::{Outcome, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget};

/// Shows how far the reading of files is.
pub struct ReadingDisplay {
    bar: ProgressBar,
}

impl ReadingDisplay {
    /// A bar that appears with the first [`Progress::begin`].
    pub fn new() -> Self {
        Self { bar: ProgressBar::hidden() }
    }
}

impl Progress for ReadingDisplay {
    fn begin(&self, doing: &str, total: u64) {
        const TEMPLATE: &str = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
        self.bar.reset();
        self.bar.set_length(total);
        self.bar.set_style(style(TEMPLATE));
        self.bar.set_message(doing.to_owned());
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn end(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }

    fn ready(&self, outcome: Outcome, store: &Path, images: usize) {
        tell!("features: {} {} ({images} images)", outcome.name(), store.display());
    }

    fn note(&self, text: &str) {
        tell!("features: {text}");
    }
}
