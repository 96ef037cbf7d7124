//! Shows the progress of fetching, verifying and preparing files, as text or as JSON.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::board::Board;
use assets::event::Event;
use assets::lock::Trust;
use base::format::{human_bytes, human_seconds};
use base::progress::{self, Observer, TaskStart, Unit};
use base::status;
use base::{sanitize, stdout};

/// Shortest time between two JSON events about the progress of a file.
const JSON_EVERY: Duration = Duration::from_secs(1);
/// Name of the task for all files together.
const TOTAL: &str = "total";

/// A display of events. As text, results go to stdout and everything else to stderr, with a task for each active file and one for
/// all files. As JSON, each event is a line on stdout.
pub(crate) struct AssetDisplay {
    /// `None` for JSON.
    board: Option<Board>,
    /// Whether results go to stderr too, because stdout is for other results.
    beside: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Time of the last JSON event about the progress of each file.
    written: BTreeMap<String, Instant>,
    files: BTreeMap<String, File>,
    /// Expected bytes of all files; 0 if unknown.
    expected: u64,
    /// Full texts of all errors.
    failures: Vec<String>,
    /// Bytes of files that are finished or failed.
    ended: u64,
    /// Whether the total is shown.
    is_summed: bool,
}

/// The progress of an active file, in bytes.
struct File {
    from: u64,
    done: u64,
    total: Option<u64>,
}

impl AssetDisplay {
    /// Returns a display as JSON or as text.
    pub(crate) fn new(json: bool) -> Self {
        Self::with((!json).then(Board::new), false)
    }

    /// Returns a display that writes only to stderr, for a command with other results on stdout.
    pub(crate) fn beside() -> Self {
        Self::with(Some(Board::new()), true)
    }

    fn with(board: Option<Board>, beside: bool) -> Self {
        Self { board, beside, state: Mutex::default() }
    }

    /// Sets the expected bytes of all files, including those that have not started.
    pub(crate) fn expect(&self, bytes: u64) {
        self.state().expected = bytes;
    }

    /// Prints a line of results on stdout, above the bars.
    pub(crate) fn result(&self, line: &str) {
        let print = || match self.beside {
            true => status!("{line}"),
            false => stdout::line(&sanitize::lines(line)),
        };
        match &self.board {
            Some(board) => board.above(print),
            None => print(),
        }
    }

    /// Prints a line on stderr, above the bars; nothing as JSON.
    pub(crate) fn print_line(&self, line: &str) {
        self.board.iter().for_each(|board| board.print_line(line));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether an event is omitted as JSON: progress soon after the last event of the same file, or a kind without use.
    fn is_omitted(&self, event: &Event) -> bool {
        match event {
            Event::Progress(progress::Event::Ended { .. } | progress::Event::Memory(_)) => true,
            Event::Progress(progress::Event::Progress { name, .. }) => {
                let mut state = self.state();
                if state.written.get(name).is_some_and(|time| time.elapsed() < JSON_EVERY) {
                    return true;
                }
                state.written.insert(name.clone(), Instant::now());
                false
            }
            _ => false,
        }
    }

    fn write_json(&self, event: &Event) {
        if self.is_omitted(event) {
            return;
        }
        // An event contains nothing that cannot be written as JSON.
        if let Ok(line) = serde_json::to_string(event) {
            stdout::line(&line);
        }
    }

    /// Removes a file that is finished or failed.
    fn ended(&self, board: &Board, name: &str) {
        let mut state = self.state();
        if let Some(file) = state.files.remove(name) {
            board.event(&progress::Event::Ended { name: name.to_owned(), done: file.done });
            state.ended = state.ended.saturating_add(file.done.saturating_sub(file.from));
            state.show_total(board);
        }
    }

    fn show(&self, board: &Board, event: &Event) {
        match event {
            Event::Progress(progress::Event::Ended { name, done }) => {
                self.state().files.get_mut(name).iter_mut().for_each(|file| file.done = *done);
                self.ended(board, name);
            }
            Event::Progress(event) => {
                self.state().take(board, event);
                board.event(event);
            }
            Event::Done { name, outcome, size, sha256, trust, seconds, transferred } => {
                self.ended(board, name);
                self.result(&done(name, outcome, *size, sha256, *trust, *seconds, *transferred));
            }
            Event::Failed { name, said: true, .. } => self.ended(board, name),
            Event::Failed { name, error, class, said: false } => {
                self.ended(board, name);
                let what = error.lines().next().unwrap_or_default();
                board.above(|| status::always(format_args!("{name}: {class}: {what}")));
                self.state().failures.push(error.clone());
            }
        }
    }
}

impl Drop for AssetDisplay {
    /// Prints all errors in full if there are several; a single one is the command's own error.
    fn drop(&mut self) {
        self.board = None;
        let state = self.state();
        if state.failures.len() > 1 {
            state.failures.iter().for_each(status::always);
        }
    }
}

impl Observer<Event> for AssetDisplay {
    fn event(&self, event: &Event) {
        match &self.board {
            Some(board) => self.show(board, event),
            None => self.write_json(event),
        }
    }
}

impl State {
    /// Records the progress of a file for the total.
    fn take(&mut self, board: &Board, event: &progress::Event) {
        match event {
            progress::Event::Started(TaskStart { name, total, from, .. }) => {
                self.files.insert(name.clone(), File { from: *from, done: *from, total: *total });
            }
            progress::Event::Progress { name, done, total, .. } => {
                let Some(file) = self.files.get_mut(name) else { return };
                (file.done, file.total) = (*done, *total);
            }
            _ => return,
        }
        self.show_total(board);
    }

    fn show_total(&mut self, board: &Board) {
        let (mut done, mut total) = (self.ended, self.ended);
        for file in self.files.values() {
            let begun = file.done.saturating_sub(file.from);
            done = done.saturating_add(begun);
            total = total.saturating_add(file.total.map_or(begun, |total| total.saturating_sub(file.from)));
        }
        let total = total.max(self.expected);
        // Started before all others, so that its bar is the lowest.
        if !std::mem::replace(&mut self.is_summed, true) {
            board.event(&progress::Event::Started(TaskStart::new(TOTAL, total, Unit::Bytes)));
        }
        let detail = format!("{} at work", self.files.len());
        board.event(&progress::Event::Progress { name: TOTAL.to_owned(), done, total: Some(total), detail });
    }
}

/// Returns a line such as `minival: fetched, 4.7 MB, sha256 1a2b…, unpinned, 3.1 s`.
fn done(
    name: &str,
    outcome: &str,
    size: u64,
    sha256: &str,
    trust: Option<Trust>,
    seconds: f64,
    transferred: u64,
) -> String {
    let mut line = format!("{name}: {outcome}, {}", human_bytes(size));
    if !sha256.is_empty() {
        line += &format!(", sha256 {sha256}");
    }
    if let Some(trust) = trust.filter(|trust| trust.name() != outcome) {
        line += &format!(", {}", trust.name());
    }
    if transferred > 0 && seconds > 0.0 {
        line += &format!(", {} at {}/s", human_seconds(seconds), human_bytes((transferred as f64 / seconds) as u64));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_for_a_result() {
        let line = done("a", "fetched", 4_700_000, "1f", Some(Trust::Unpinned), 2.0, 4_700_000);
        assert_eq!(line, "a: fetched, 4.7 MB, sha256 1f, unpinned, 2.0 s at 2.4 MB/s");
        assert_eq!(done("a", "pinned", 4, "1f", Some(Trust::Pinned), 0.0, 0), "a: pinned, 4 B, sha256 1f");
        assert_eq!(done("a", "unpacked", 4, "", None, 0.0, 0), "a: unpacked, 4 B");
    }

    #[test]
    fn json_has_progress_once_a_second() {
        let display = AssetDisplay::new(true);
        let omitted: Vec<bool> =
            ["a", "a", "b", "a"].map(|name| display.is_omitted(&Event::progress(name, 1, None))).into();
        assert_eq!(omitted, [false, true, false, true]);
        let note = Event::note("a", "");
        assert!(!display.is_omitted(&note) && !display.is_omitted(&note), "other events are never omitted");
    }

    #[test]
    fn the_total_counts_what_this_run_adds_of_all_files() {
        let (display, board) = (AssetDisplay::new(true), Board::new());
        display.expect(500);
        let hear = |event: Event| display.show(&board, &event);
        hear(Event::started("a", "fetch", "", Some(300), 100));
        hear(Event::progress("a", 200, Some(300)));
        hear(Event::started("b", "fetch", "", None, 0));
        hear(Event::progress("b", 7, None));
        hear(Event::Progress(progress::Event::Ended { name: "a".to_owned(), done: 200 }));
        assert_eq!(board.last(TOTAL), Some((107, Some(500), "1 at work".to_owned())));
    }
}
