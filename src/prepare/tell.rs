//! Tells listeners how one step goes.

use std::cell::Cell;
use std::path::Path;
use std::time::Instant;

use assets::event::{Event, Observer};
use base::error::Error;
use base::exit;
use data::features::progress::{Outcome, Progress};

/// Bytes between two progress events.
const STRIDE: u64 = 4 << 20;

/// Speaks of one file.
pub(super) struct Teller<'o> {
    observer: &'o dyn Observer,
    name: String,
    begun: Instant,
    done: Cell<u64>,
    told: Cell<u64>,
    total: Cell<Option<u64>>,
}

impl<'o> Teller<'o> {
    /// For the file of a name.
    pub fn new(observer: &'o dyn Observer, name: &str) -> Self {
        let (done, told, total) = (Cell::new(0), Cell::new(0), Cell::new(None));
        Self { observer, name: name.to_owned(), begun: Instant::now(), done, told, total }
    }

    /// Work begins.
    pub fn started(&self, doing: &'static str, source: &str, total: Option<u64>) {
        self.total.set(total);
        let (name, source) = (self.name.clone(), source.to_owned());
        self.observer.event(&Event::Started { name, doing, source, total, from: 0 });
    }

    /// So many more bytes are done.
    pub fn advance_by(&self, bytes: u64) {
        let done = self.done.get().saturating_add(bytes);
        self.done.set(done);
        if done - self.told.get() >= STRIDE {
            self.told.set(done);
            self.observer.event(&Event::Progress { name: self.name.clone(), done, total: self.total.get() });
        }
    }

    /// Another process is at work on it.
    pub fn waiting(&self, by: &str) {
        let why = format!("{by} is at work on it");
        self.observer.event(&Event::Waiting { name: self.name.clone(), why, seconds: None });
    }

    /// Something that a person should know.
    pub fn note(&self, text: String) {
        self.observer.event(&Event::Note { name: self.name.clone(), text });
    }

    /// The file is there and right.
    pub fn done(&self, outcome: &'static str, size: u64, sha256: &str) {
        self.observer.event(&Event::Done {
            name: self.name.clone(),
            outcome,
            size,
            sha256: sha256.to_owned(),
            trust: None,
            seconds: self.begun.elapsed().as_secs_f64(),
            transferred: self.done.get(),
        });
    }

    /// It is not.
    pub fn failed(&self, error: &Error) {
        let code = exit::code(error);
        let class = exit::TABLE.iter().find(|(_, of, _)| *of == code).map_or("BUG", |(name, ..)| name);
        self.observer.event(&Event::Failed { name: self.name.clone(), error: error.to_string(), class, said: false });
    }
}

impl Progress for Teller<'_> {
    fn begin(&self, _: &str, _: u64) {
        self.done.set(0);
        self.told.set(0);
    }

    fn advance(&self, bytes: u64) {
        self.advance_by(bytes);
    }

    fn end(&self) {}

    fn ready(&self, _: Outcome, _: &Path, _: usize) {}
}
