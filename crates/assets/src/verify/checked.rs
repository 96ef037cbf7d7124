//! What was found of a file, and how it is told.

use super::subject::Subject;
use crate::event::Event;
use crate::manifest::Checksums;
use base::progress::Observer;

/// How a file was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It matches a checksum, or for what was unpacked or made here: it is as it was then.
    Good,
    /// It is as it was when it was first read; no checksum is known to compare with.
    GoodUnpinned,
    /// An archive that was removed once everything in it had been unpacked.
    Dropped,
    /// Nothing is known of it, and it was not read.
    Unverified,
    /// It was touched since it was last read, or while it was being read.
    Changed {
        /// How.
        why: String,
    },
    /// It is another file than it should be.
    Wrong {
        /// What was expected and what was found.
        why: String,
    },
    /// It cannot be read.
    Unreadable {
        /// Why.
        why: String,
    },
    /// It is not there.
    Missing,
}

/// What was found of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// How it was found.
    pub state: State,
    /// Its size in bytes; a folder's files together.
    pub size: Option<u64>,
    /// What it hashes to: just read, or as recorded.
    pub hashes: Option<Checksums>,
    /// Bytes read this time.
    pub read: u64,
    /// Something to know that makes it no worse, such as a receipt that could not be written.
    pub note: Option<String>,
}

impl Checked {
    pub(super) fn new(state: State, size: Option<u64>, hashes: Option<Checksums>) -> Self {
        Self { state, size, hashes, read: 0, note: None }
    }
}

/// Says how it ended.
pub(super) fn tell(subject: &Subject, checked: &Checked, seconds: f64, observer: &dyn Observer<Event>) {
    let name = subject.name().to_owned();
    let failed = |why: &str, class: &'static str| {
        let (name, error) = (name.clone(), why.to_owned());
        Event::Failed { name, error, class, said: false }
    };
    observer.event(&match &checked.state {
        State::Good | State::GoodUnpinned => Event::Done {
            name: name.clone(),
            outcome: "verified",
            size: checked.size.unwrap_or(0),
            sha256: checked.hashes.as_ref().and_then(|hashes| hashes.sha256.clone()).unwrap_or_default(),
            trust: subject.trust,
            seconds,
            transferred: checked.read,
        },
        State::Dropped => Event::note(&name, "removed after everything in it was unpacked"),
        State::Unverified => failed("it was never read whole", "DATA"),
        State::Missing => failed("it is not there", "DATA"),
        State::Unreadable { why } => failed(why, "INFRA"),
        State::Changed { why } | State::Wrong { why } => failed(why, "CHECKSUM"),
    });
}
