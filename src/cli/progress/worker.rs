//! What a worker says: its tasks on a board, lines for what is worth a line.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering};

use super::board::Board;
use base::progress::Observer;
use base::{signals, status, stdout};
use protocol::{Event, Hello};

/// Shows the events of a worker.
pub(crate) struct Display {
    board: Board,
    /// Something was shown since a signal asked the program to stop.
    stopping: AtomicBool,
}

impl Display {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self { board: Board::new(), stopping: AtomicBool::new(false) }
    }
}

fn versions(hello: &Hello) -> String {
    let of_what = hello.versions.iter().map(|(name, version)| format!(", {name} {version}"));
    format!("repro-worker {}{}", hello.program, of_what.collect::<String>())
}

impl Observer<Event> for Display {
    fn event(&self, event: &Event) {
        match event {
            Event::Said { text } | Event::Note { text } => {
                let first = signals::check().is_err() && !self.stopping.swap(true, Ordering::Relaxed);
                self.board.above(|| match first && stderr().is_terminal() {
                    // The ^C that the terminal shows stands on the line.
                    true => status!("\n{text}"),
                    false => status!("{text}"),
                });
            }
            Event::Printed { text } => self.board.above(|| stdout::print(text)),
            Event::Progress { progress } => self.board.event(progress),
            Event::Epoch { text } => self.board.say(text),
            Event::Hello(hello) => self.board.above(|| status::detail(format_args!("worker: {}", versions(hello)))),
            Event::Device(device) => self.board.above(|| status::detail(format_args!("device: {}", device.described))),
            Event::Done { .. } | Event::Failed { .. } | Event::Unknown => {}
        }
    }
}
