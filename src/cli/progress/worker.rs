//! Shows the events of a worker: its tasks on a board, its messages as lines.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering};

use super::board::Board;
use base::progress::Observer;
use base::{signals, status, stdout};
use protocol::{Event, Hello};

/// A display of the events of a worker.
pub(crate) struct WorkerDisplay {
    board: Board,
    /// Whether a message was shown after a signal asked the program to stop.
    stopping: AtomicBool,
}

impl WorkerDisplay {
    /// Returns an empty display.
    pub(crate) fn new() -> Self {
        Self { board: Board::new(), stopping: AtomicBool::new(false) }
    }
}

fn versions(hello: &Hello) -> String {
    let of_what = hello.versions.iter().map(|(name, version)| format!(", {name} {version}"));
    format!("repro-worker {}{}", hello.program, of_what.collect::<String>())
}

impl Observer<Event> for WorkerDisplay {
    fn event(&self, event: &Event) {
        match event {
            Event::Message { text } | Event::Note { text } => {
                let first = signals::check().is_err() && !self.stopping.swap(true, Ordering::Relaxed);
                self.board.above(|| match first && stderr().is_terminal() {
                    // The terminal has echoed ^C on the line.
                    true => status!("\n{text}"),
                    false => status!("{text}"),
                });
            }
            Event::Output { text } => self.board.above(|| stdout::print(text)),
            Event::Progress { progress } => self.board.event(progress),
            Event::Epoch { text } => self.board.print_line(text),
            Event::Hello(hello) => self.board.above(|| status::detail(format_args!("worker: {}", versions(hello)))),
            Event::Device(device) => self.board.above(|| status::detail(format_args!("device: {}", device.described))),
            Event::Done { .. } | Event::Failed { .. } | Event::Unknown => {}
        }
    }
}
