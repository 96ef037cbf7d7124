//! Shows the events of a worker: its tasks on a board, its messages as lines.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::board::Board;
use crate::cli::long_training::PaceWatch;
use base::progress::Observer;
use base::{signals, status, stdout};
use protocol::{Event, Hello};

/// A display of the events of a worker.
pub(crate) struct WorkerDisplay {
    board: Board,
    /// Whether a message was shown after a signal asked the program to stop.
    stopping: AtomicBool,
    /// Notices a training of days.
    pace: Mutex<PaceWatch>,
}

impl WorkerDisplay {
    /// Returns an empty display.
    pub(crate) fn new() -> Self {
        Self { board: Board::new(), stopping: AtomicBool::new(false), pace: Mutex::default() }
    }

    fn watch_pace(&self, watch: impl FnOnce(&mut PaceWatch) -> Option<String>) {
        // The lock is released before the board is used.
        let notice = watch(&mut self.pace.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(notice) = notice {
            self.board.print_line(&notice);
        }
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
            Event::Progress { progress } => {
                self.board.event(progress);
                self.watch_pace(|pace| pace.event(progress, Instant::now()));
            }
            Event::Epoch { text } => self.board.print_line(text),
            Event::Hello(hello) => self.board.above(|| status::detail(format_args!("worker: {}", versions(hello)))),
            Event::Device(device) => {
                self.board.above(|| status::detail(format_args!("device: {}", device.described)));
                self.watch_pace(|pace| {
                    pace.set_device(&device.described);
                    None
                });
            }
            Event::Done { .. } | Event::Failed { .. } | Event::Unknown => {}
        }
    }
}
