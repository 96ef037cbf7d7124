//! How the worker speaks: events as lines on what was its stdout, which libraries then cannot write to.

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

/// Progress that waits for a listener who has stopped; more of it is left out.
const WAITING: usize = 64;
/// Memory is told of at most this often.
const MEMORY_EVERY: Duration = Duration::from_secs(1);

/// Speaks for the whole program; signals are answered through it too.
static SPEAKER: OnceLock<Emitter> = OnceLock::new();

/// Says events. Copies speak through the same line.
#[derive(Clone)]
pub(crate) struct Emitter(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    /// The line that is being written, if any.
    writing: bool,
    record: Option<Record>,
    memory_told: Option<Instant>,
    /// The last event was said.
    ended: bool,
}

impl Emitter {
    /// Takes stdout for events and points it at stderr, because libraries print there.
    ///
    /// # Errors
    /// Infra where the system does not let it.
    pub(crate) fn take_stdout() -> Result<Self> {
        let failed = |e: rustix::io::Errno| Error::infra("cannot take stdout for events").because(e);
        let events = std::io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map_err(|e| Error::infra("cannot take stdout for events").because(e))?;
        rustix::stdio::dup2_stdout(std::io::stderr()).map_err(failed)?;
        let emitter = Self::to(events)?;
        let _ = SPEAKER.set(emitter.clone());
        Ok(emitter)
    }

    /// The one that speaks for the program, once it can.
    pub(crate) fn of_the_program() -> Option<&'static Self> {
        SPEAKER.get()
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

    /// From now on also appends what it says to a file, progress left out. Only work that is `resumed` keeps what is in it.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(crate) fn record(&self, file: &Path, resumed: bool) -> Result<()> {
        let record = Record::open(file, resumed)?;
        self.lock().record = Some(record);
        Ok(())
    }

    /// Says an event. Never waits: where nobody listens, progress is left out and all else is kept.
    pub(crate) fn say(&self, event: &Event) {
        let Ok(line) = serde_json::to_string(event) else { return };
        let mut state = self.lock();
        if state.ended || event.may_be_dropped() && state.lines.len() >= WAITING {
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

    /// A line for a person.
    pub(crate) fn said(&self, text: impl std::fmt::Display) {
        self.say(&Event::Said { text: text.to_string() });
    }

    /// Something worth keeping in a stage's journal.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        self.say(&Event::Note { text: text.to_string() });
    }

    /// A result for stdout, as it stands.
    pub(crate) fn printed(&self, text: impl std::fmt::Display) {
        self.say(&Event::Printed { text: text.to_string() });
    }

    /// Waits until everything was written, or nobody is there to read it.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        while state.writing || !state.lines.is_empty() {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether it is time to tell of memory again.
    fn remembers(&self) -> bool {
        let mut state = self.lock();
        let is_time = state.memory_told.is_none_or(|told| told.elapsed() >= MEMORY_EVERY);
        if is_time {
            state.memory_told = Some(Instant::now());
        }
        is_time
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the harness how far the work is, and of this process's memory from time to time.
impl Observer for Emitter {
    fn event(&self, event: &progress::Event) {
        match event {
            progress::Event::Note { name, text } if name.is_empty() => self.said(text),
            progress::Event::Note { name, text } => self.said(format_args!("{name}: {text}")),
            event => {
                if event.may_be_dropped() && self.remembers() {
                    self.say(&progress::Event::Memory(memory()).into());
                }
                self.say(&event.clone().into());
            }
        }
    }
}

/// Writes lines as they come. Where nobody reads them any more they are dropped: the work goes on, and its record tells of it.
fn write_all(shared: &Shared, mut events: File) {
    let mut is_heard = true;
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match state.lines.pop_front() {
            Some(mut line) => {
                state.writing = true;
                drop(state);
                line.push('\n');
                is_heard = is_heard && events.write_all(line.as_bytes()).is_ok();
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
    fn a_listener_that_has_stopped_loses_progress_alone() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let emitter = Emitter::to(write).unwrap();
        // More than a pipe holds: the writer stands still, and whoever speaks does not.
        let at = |done| {
            let progress =
                progress::Event::Progress { name: "x".repeat(2000), done, total: None, detail: String::new() };
            emitter.say(&progress.into());
        };
        (0..500).for_each(at);
        emitter.note("kept");
        emitter.say(&Event::Done { result: 7.into(), files: Vec::new() });
        at(1);
        // The pipe stays open: nobody may wait for more than the last event.
        let mut lines = Vec::new();
        for line in BufReader::new(File::from(read)).lines() {
            lines.push(Event::parse(&line.unwrap()).unwrap());
            if lines.last().is_some_and(Event::is_last) {
                break;
            }
        }
        let progress = lines.iter().filter(|event| event.may_be_dropped()).count();
        assert!((WAITING..500).contains(&progress), "{progress}");
        let [.., Event::Note { .. }, Event::Done { .. }] = &lines[..] else { panic!("{lines:?}") };
    }

    #[test]
    fn nobody_who_listens_is_no_error() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        drop(read);
        let emitter = Emitter::to(write).unwrap();
        (0..100).for_each(|at| emitter.note(at));
        emitter.finish();
    }
}
