//! Tells listeners how one step goes.

use std::sync::OnceLock;
use std::time::Instant;

use assets::event::Event;
use base::error::Error;
use base::exit;
use base::progress::{self, Observer, ProgressTask, TaskStart, Unit};

/// Speaks of one file.
pub(super) struct Teller<'o> {
    observer: &'o dyn Observer<Event>,
    name: String,
    begun: Instant,
    /// The work on the file, once it has begun.
    task: OnceLock<ProgressTask<'o, Event>>,
}

impl<'o> Teller<'o> {
    /// For the file of a name.
    pub(crate) fn new(observer: &'o dyn Observer<Event>, name: &str) -> Self {
        Self { observer, name: name.to_owned(), begun: Instant::now(), task: OnceLock::new() }
    }

    /// Work begins.
    pub(crate) fn started(&self, doing: &str, source: &str, total: Option<u64>) {
        let start = TaskStart::new(self.name.as_str(), total, Unit::Bytes).doing(doing, source);
        self.task.get_or_init(|| ProgressTask::begin(self.observer, start));
    }

    /// So many more bytes are done.
    pub(crate) fn advance_by(&self, bytes: u64) {
        self.task.get().iter().for_each(|task| task.advance(bytes));
    }

    /// Another process is at work on it.
    pub(crate) fn waiting(&self, by: &str) {
        self.observer.event(&Event::waiting(&self.name, format!("{by} is at work on it"), None));
    }

    /// Something that a person should know.
    pub(crate) fn note(&self, text: String) {
        self.observer.event(&Event::note(&self.name, text));
    }

    /// The file is there and right.
    pub(crate) fn done(&self, outcome: &'static str, size: u64, sha256: &str) {
        self.observer.event(&Event::Done {
            name: self.name.clone(),
            outcome,
            size,
            sha256: sha256.to_owned(),
            trust: None,
            seconds: self.begun.elapsed().as_secs_f64(),
            transferred: self.task.get().map_or(0, ProgressTask::done),
        });
    }

    /// It is not.
    pub(crate) fn failed(&self, error: &Error) {
        let (name, class) = (self.name.clone(), exit::class(error));
        self.observer.event(&Event::Failed { name, error: error.to_string(), class, said: false });
    }
}

/// A pass over the file is a part of the work on it.
impl Observer for Teller<'_> {
    fn event(&self, event: &progress::Event) {
        let done = match event {
            progress::Event::Started(start) => start.from,
            progress::Event::Progress { done, .. } | progress::Event::Ended { done, .. } => *done,
            _ => return,
        };
        self.task.get().iter().for_each(|task| task.at(done, String::new));
    }
}
