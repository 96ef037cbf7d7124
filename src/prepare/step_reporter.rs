//! Reports the progress of one step to observers.

use std::sync::OnceLock;
use std::time::Instant;

use assets::event::Event;
use base::error::Error;
use base::exit;
use base::progress::{self, Observer, ProgressTask, TaskStart, Unit};

/// Reports the progress of one file.
pub(super) struct StepReporter<'o> {
    observer: &'o dyn Observer<Event>,
    name: String,
    begun: Instant,
    /// The task, once it has started.
    task: OnceLock<ProgressTask<'o, Event>>,
}

impl<'o> StepReporter<'o> {
    /// Creates a reporter for a file by name.
    pub(crate) fn new(observer: &'o dyn Observer<Event>, name: &str) -> Self {
        Self { observer, name: name.to_owned(), begun: Instant::now(), task: OnceLock::new() }
    }

    /// Reports that work starts.
    pub(crate) fn started(&self, doing: &str, source: &str, total: Option<u64>) {
        let start = TaskStart::new(self.name.as_str(), total, Unit::Bytes).doing(doing, source);
        self.task.get_or_init(|| ProgressTask::begin(self.observer, start));
    }

    /// Reports that more bytes are done.
    pub(crate) fn advance_by(&self, bytes: u64) {
        self.task.get().iter().for_each(|task| task.advance(bytes));
    }

    /// Reports that another process is working on the file.
    pub(crate) fn waiting(&self, by: &str) {
        self.observer.event(&Event::waiting(&self.name, format!("{by} is working on it"), None));
    }

    /// Reports a note for people.
    pub(crate) fn note(&self, text: String) {
        self.observer.event(&Event::note(&self.name, text));
    }

    /// Reports that the file is finished and correct.
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

    /// Reports a failure.
    pub(crate) fn failed(&self, error: &Error) {
        let (name, class) = (self.name.clone(), exit::class(error));
        self.observer.event(&Event::Failed { name, error: error.to_string(), class, said: false });
    }
}

/// Progress of a pass over the file counts as progress of the file.
impl Observer for StepReporter<'_> {
    fn event(&self, event: &progress::Event) {
        let done = match event {
            progress::Event::Started(start) => start.from,
            progress::Event::Progress { done, .. } | progress::Event::Ended { done, .. } => *done,
            _ => return,
        };
        self.task.get().iter().for_each(|task| task.at(done, String::new));
    }
}
