//! Shows the progress of pulling an image.

use std::sync::{Mutex, PoisonError};

use super::board::Board;
use base::format::human_bytes;
use base::progress::{Event, Observer};
use base::status;

/// A display of a pull, with a summary at the end.
pub(crate) struct PullDisplay {
    board: Board,
    last: Mutex<PullPosition>,
}

/// The last reported position.
#[derive(Default)]
struct PullPosition {
    done: u64,
    layers: String,
}

impl PullDisplay {
    /// Prints the name of the image.
    pub(crate) fn new(name: &str) -> Self {
        status!("pulling {name}");
        Self { board: Board::new(), last: Mutex::default() }
    }

    /// Prints the summary.
    pub(crate) fn finish(self) {
        let Self { board, last } = self;
        drop(board);
        let PullPosition { done, layers } = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Podman reports no sizes.
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
            *last = PullPosition { done: *done, layers: detail.clone() };
        }
        self.board.event(event);
    }
}
