//! Images whose features are made: a bar with images, rate and time left; where stderr is no terminal, a line a minute.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use super::style::style;
use base::human::human_seconds;
use base::tell;
use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::extract::Observer;

const A_MINUTE: Duration = Duration::from_secs(60);

/// Shows how far an extraction is.
pub struct ExtractionDisplay {
    bar: ProgressBar,
    said: Cell<Instant>,
}

impl ExtractionDisplay {
    /// A bar that appears with the first [`Observer::begin`].
    pub fn new() -> Self {
        Self { bar: ProgressBar::hidden(), said: Cell::new(Instant::now()) }
    }
}

impl Observer for ExtractionDisplay {
    fn begin(&self, doing: &str, total: usize, done: usize) {
        const TEMPLATE: &str = "{msg} [{bar:30}] {human_pos}/{human_len} {per_sec}, {eta} left";
        self.bar.reset();
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        // What was done before says nothing of the rate.
        self.bar.reset_eta();
        self.bar.set_style(style(TEMPLATE));
        self.bar.set_message(doing.to_owned());
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    fn at(&self, done: usize) {
        self.bar.set_position(done as u64);
        if !std::io::stderr().is_terminal() && self.said.get().elapsed() >= A_MINUTE {
            self.said.set(Instant::now());
            let (total, left) = (self.bar.length().unwrap_or(0), human_seconds(self.bar.eta().as_secs_f64()));
            tell!("{}: {done} of {total}, {:.2} a second, {left} left", self.bar.message(), self.bar.per_sec());
        }
    }

    fn end(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| tell!("{text}"));
    }
}
