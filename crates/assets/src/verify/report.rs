//! The report about a verified file, and its event.

use super::subject::Subject;
use crate::event::Event;
use crate::manifest::Checksums;
use base::progress::Observer;

/// State of a verified file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// It matches a checksum; for files unpacked or made here, it is unchanged.
    Good,
    /// It is unchanged since it was first read; no checksum is known.
    GoodUnpinned,
    /// An archive that was removed after everything in it had been unpacked.
    Dropped,
    /// Nothing is known about it, and it was not read.
    Unverified,
    /// It was changed since it was last read, or while it was read.
    Changed {
        /// How.
        why: String,
    },
    /// It is not the expected file.
    Wrong {
        /// What was expected and what was found.
        why: String,
    },
    /// It cannot be read.
    Unreadable {
        /// Why.
        why: String,
    },
    /// It is missing.
    Missing,
}

/// The report about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Its state.
    pub state: FileState,
    /// Size in bytes; for a folder, of all its files together.
    pub size: Option<u64>,
    /// Its hashes: just computed, or from the receipt.
    pub hashes: Option<Checksums>,
    /// Number of bytes read this time.
    pub read: u64,
    /// A note that does not change the state, such as a receipt that could not be written.
    pub note: Option<String>,
}

impl FileReport {
    pub(super) fn new(state: FileState, size: Option<u64>, hashes: Option<Checksums>) -> Self {
        Self { state, size, hashes, read: 0, note: None }
    }
}

/// Sends the event of a report.
pub(super) fn tell(subject: &Subject, checked: &FileReport, seconds: f64, observer: &dyn Observer<Event>) {
    let name = subject.name().to_owned();
    let failed = |why: &str, class: &'static str| {
        let (name, error) = (name.clone(), why.to_owned());
        Event::Failed { name, error, class, said: false }
    };
    observer.event(&match &checked.state {
        FileState::Good | FileState::GoodUnpinned => Event::Done {
            name: name.clone(),
            outcome: "verified",
            size: checked.size.unwrap_or(0),
            sha256: checked.hashes.as_ref().and_then(|hashes| hashes.sha256.clone()).unwrap_or_default(),
            trust: subject.trust,
            seconds,
            transferred: checked.read,
        },
        FileState::Dropped => Event::note(&name, "removed after everything in it was unpacked"),
        FileState::Unverified => failed("it was never read completely", "DATA"),
        FileState::Missing => failed("it is missing", "DATA"),
        FileState::Unreadable { why } => failed(why, "INFRA"),
        FileState::Changed { why } | FileState::Wrong { why } => failed(why, "CHECKSUM"),
    });
}
