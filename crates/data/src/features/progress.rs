//! How far a long reading of a file is, for a person or for a test.

use base::tell;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

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

/// A bar on stderr with bytes, rate and time left, hidden where stderr is no terminal; `ready` is one line there either way.
pub struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar that appears with the first [`Progress::begin`].
    pub fn new() -> Self {
        Self { bar: ProgressBar::hidden() }
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for Bar {
    fn begin(&self, doing: &str, total: u64) {
        const TEMPLATE: &str = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar.reset();
        self.bar.set_length(total);
        self.bar.set_style(style.progress_chars("=> "));
        self.bar.set_message(doing.to_owned());
        self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
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
