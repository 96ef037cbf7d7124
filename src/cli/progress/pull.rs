//! How far the pull of an image is, for a person.

use std::sync::{Mutex, PoisonError};

use super::board::Board;
use base::format::human_bytes;
use base::progress::{Event, Observer};
use base::status;

/// Shows a pull, and says in the end what came.
pub(crate) struct PullDisplay {
    board: Board,
    last: Mutex<Last>,
}

/// What was last heard.
#[derive(Default)]
struct Last {
    done: u64,
    layers: String,
}

impl PullDisplay {
    /// Says what is pulled.
    pub(crate) fn new(name: &str) -> Self {
        status!("pulling {name}");
        Self { board: Board::new(), last: Mutex::default() }
    }

    /// Says that all is here.
    pub(crate) fn finish(self) {
        let Self { board, last } = self;
        drop(board);
        let Last { done, layers } = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Podman names no sizes.
        let bytes = match done {
            0 => String::new(),
            done => format!(", {} fetched", human_bytes(done)),
        };
        status!("{layers}{bytes}");
    }
}

impl Observer for PullDisplay {
    fn event(&self, event: &Event) {
        if let Event::Progress { done, detail, .. } = event {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Last { done: *done, layers: detail.clone() };
        }
        self.board.event(event);
    }
}
