//! Emits events as lines on the original stdout of the process, to which libraries can then no longer write.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use base::error::{Error, Result};
use base::progress::{self, Observer};
use protocol::Event;

use crate::memory::memory;
use crate::record::Record;

/// Maximum number of queued lines if the reader is slow; further progress events are dropped.
const MAX_QUEUED: usize = 64;
/// Shortest time between two events about memory.
const MEMORY_EVERY: Duration = Duration::from_secs(1);

/// The emitter of the program, which signal handlers use too.
static GLOBAL: OnceLock<Emitter> = OnceLock::new();

/// Emits events. Clones share one queue.
#[derive(Clone)]
pub(crate) struct Emitter(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    /// Whether a line is being written.
    writing: bool,
    record: Option<Record>,
    memory_emitted: Option<Instant>,
    /// Whether the last event was emitted.
    ended: bool,
}

impl Emitter {
    /// Takes stdout for events and redirects it to stderr, because libraries print to stdout.
    ///
    /// # Errors
    /// Infra if the system refuses.
    pub(crate) fn take_stdout() -> Result<Self> {
        let failed = |e: rustix::io::Errno| Error::infra("cannot take stdout for events").because(e);
        let events = std::io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map_err(|e| Error::infra("cannot take stdout for events").because(e))?;
        rustix::stdio::dup2_stdout(std::io::stderr()).map_err(failed)?;
        let emitter = Self::to(events)?;
        let _ = GLOBAL.set(emitter.clone());
        Ok(emitter)
    }

    /// Returns the emitter of the program; `None` before [`take_stdout`](Self::take_stdout).
    pub(crate) fn global() -> Option<&'static Self> {
        GLOBAL.get()
    }

    fn to(events: OwnedFd) -> Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let emitter = Self(Arc::clone(&shared));
        let write = move || write_all(&shared, File::from(events));
        std::thread::Builder::new()
            .name("events".into())
            .spawn(write)
            .map_err(|e| Error::infra("cannot start a thread").because(e))?;
        Ok(emitter)
    }

    /// Starts to append all events except progress to a file as well. Empties the file first unless `resumed`.
    ///
    /// # Errors
    /// Infra or disk if the file cannot be written.
    pub(crate) fn record(&self, file: &Path, resumed: bool) -> Result<()> {
        let record = Record::open(file, resumed)?;
        self.lock().record = Some(record);
        Ok(())
    }

    /// Queues an event. Never waits: if the reader is slow, progress is dropped and everything else is kept.
    pub(crate) fn emit(&self, event: &Event) {
        let Ok(line) = serde_json::to_string(event) else { return };
        let mut state = self.lock();
        if state.ended || event.may_be_dropped() && state.lines.len() >= MAX_QUEUED {
            return;
        }
        let is_kept = !matches!(event, Event::Progress { .. });
        if let Some(record) = state.record.as_mut().filter(|_| is_kept) {
            record.append(&line);
        }
        state.ended = event.is_last();
        state.lines.push_back(line);
        self.0.changed.notify_all();
    }

    /// Emits a message for people.
    pub(crate) fn message(&self, text: impl std::fmt::Display) {
        self.emit(&Event::Message { text: text.to_string() });
    }

    /// Emits a note for a stage's journal.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        self.emit(&Event::Note { text: text.to_string() });
    }

    /// Emits a result that is printed unchanged on stdout.
    pub(crate) fn output(&self, text: impl std::fmt::Display) {
        self.emit(&Event::Output { text: text.to_string() });
    }

    /// Waits until the queue is empty: every line is written, or dropped because the reader has gone.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        while state.writing || !state.lines.is_empty() {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns whether an event about memory is due, and if so records the time.
    fn is_memory_due(&self) -> bool {
        let mut state = self.lock();
        let is_time = state.memory_emitted.is_none_or(|time| time.elapsed() >= MEMORY_EVERY);
        if is_time {
            state.memory_emitted = Some(Instant::now());
        }
        is_time
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Emits the progress of the job, and the memory of this process from time to time.
impl Observer for Emitter {
    fn event(&self, event: &progress::Event) {
        match event {
            progress::Event::Note { name, text } if name.is_empty() => self.message(text),
            progress::Event::Note { name, text } => self.message(format_args!("{name}: {text}")),
            event => {
                if event.may_be_dropped() && self.is_memory_due() {
                    self.emit(&progress::Event::Memory(memory()).into());
                }
                self.emit(&event.clone().into());
            }
        }
    }
}

/// Writes lines as they are queued. Drops them once the reader has gone: the job continues, and its record keeps the events.
fn write_all(shared: &Shared, mut events: File) {
    let mut is_open = true;
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match state.lines.pop_front() {
            Some(mut line) => {
                state.writing = true;
                drop(state);
                line.push('\n');
                is_open = is_open && events.write_all(line.as_bytes()).is_ok();
                state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.writing = false;
                shared.changed.notify_all();
            }
            None => state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    #[test]
    fn a_reader_that_has_stopped_loses_only_progress() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let emitter = Emitter::to(write).unwrap();
        // More than a pipe holds: the writing thread blocks, but emitting does not.
        let at = |done| {
            let progress =
                progress::Event::Progress { name: "x".repeat(2000), done, total: None, detail: String::new() };
            emitter.emit(&progress.into());
        };
        (0..500).for_each(at);
        emitter.note("kept");
        emitter.emit(&Event::Done { result: 7.into(), files: Vec::new() });
        at(1);
        // The pipe stays open, so reading must stop at the last event.
        let mut lines = Vec::new();
        for line in BufReader::new(File::from(read)).lines() {
            lines.push(Event::parse(&line.unwrap()).unwrap());
            if lines.last().is_some_and(Event::is_last) {
                break;
            }
        }
        let progress = lines.iter().filter(|event| event.may_be_dropped()).count();
        assert!((MAX_QUEUED..500).contains(&progress), "{progress}");
        let [.., Event::Note { .. }, Event::Done { .. }] = &lines[..] else { panic!("{lines:?}") };
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        drop(read);
        let emitter = Emitter::to(write).unwrap();
        (0..100).for_each(|at| emitter.note(at));
        emitter.finish();
    }
}
