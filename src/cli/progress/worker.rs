//! What a worker says: a bar for each stretch of work, lines for what is worth a line.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use super::style::style;
use base::{signals, stdout, tell};
use indicatif::{ProgressBar, ProgressDrawTarget};
use protocol::{Event, Unit};

/// Shows the events of a worker.
pub struct Display {
    bar: ProgressBar,
    /// Something was shown since a signal asked the program to stop.
    stopping: bool,
}

impl Display {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { bar: ProgressBar::hidden(), stopping: false }
    }

    /// Shows an event.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Said { text } | Event::Note { text } => {
                let first = signals::check().is_err() && !std::mem::replace(&mut self.stopping, true);
                self.bar.suspend(|| match first && stderr().is_terminal() {
                    // The ^C that the terminal shows stands on the line.
                    true => tell!("\n{text}"),
                    false => tell!("{text}"),
                });
            }
            Event::Printed { text } => self.bar.suspend(|| stdout::print(text)),
            Event::Pass { what, total, unit } => {
                self.bar.finish_and_clear();
                self.bar = bar(what, *total, *unit);
            }
            Event::At { done, words } => {
                self.bar.set_position(*done);
                self.bar.set_message(words.clone());
            }
            Event::Passed => self.bar.finish_and_clear(),
            Event::Epoch { text } => {
                self.bar.finish_and_clear();
                tell!("{text}");
            }
            Event::Hello(_) | Event::Device(_) | Event::Done { .. } | Event::Failed { .. } | Event::Unknown => {}
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar with rate and time left; nothing where stderr is no terminal.
fn bar(what: &str, total: u64, unit: Unit) -> ProgressBar {
    let template = match unit {
        Unit::Bytes => "{prefix} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left",
        Unit::Examples => "{prefix} [{bar:30}] {pos}/{len} {per_sec}, {eta} left {msg}",
    };
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    bar.set_style(style(template));
    bar.set_prefix(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
