//! How far the pull of an image is, for a person.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};

use super::style::style;
use base::human::human_bytes;
use base::tell;
use sandbox::pull::Progress;

/// Without a terminal, a pull says so often how far it is.
const EVERY: Duration = Duration::from_secs(30);
const TEMPLATE: &str =
    "{msg} {decimal_bytes:>9} of {decimal_total_bytes:9} [{wide_bar}] {decimal_bytes_per_sec:>11} {eta:>4} left";

/// A bar on a terminal, plain lines elsewhere; both on stderr.
pub struct PullDisplay {
    bar: ProgressBar,
    /// Where there is no terminal: when a line was said.
    said: Option<Instant>,
    last: Progress,
}

impl PullDisplay {
    /// Says what is pulled.
    pub fn new(name: &str) -> Self {
        tell!("pulling {name}");
        let last = Progress::default();
        if !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), said: Some(Instant::now()), last };
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        bar.set_style(style(TEMPLATE));
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, said: None, last }
    }

    /// Shows how far it is.
    pub fn show(&mut self, progress: Progress) {
        self.last = progress;
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
        self.bar.set_message(self.layers());
        if self.said.is_some_and(|said| said.elapsed() >= EVERY) {
            self.said = Some(Instant::now());
            tell!("{}, {} of {}", self.layers(), human_bytes(progress.done), human_bytes(progress.total));
        }
    }

    /// Says that all is here.
    pub fn finish(self) {
        self.bar.finish_and_clear();
        // Podman names no sizes.
        let bytes = match self.last.done {
            0 => String::new(),
            done => format!(", {} fetched", human_bytes(done)),
        };
        tell!("{}{bytes}", self.layers());
    }

    fn layers(&self) -> String {
        format!("{} of {} layers", self.last.layers_done, self.last.layers)
    }
}

impl Drop for PullDisplay {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
