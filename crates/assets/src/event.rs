//! Events of fetching, verifying and unpacking: progress, and the result for each file. Scripts receive them as JSON.

use base::progress::{self, TaskStart, Unit};
use serde::Serialize;

use super::lock::Trust;

/// An event of an asset.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The file is present and verified.
    Done {
        /// Name of the asset.
        name: String,
        /// `fetched`, `present`, `adopted`, `verified`, `unpacked`, `built`, `made`, `pinned`.
        outcome: &'static str,
        /// Size in bytes.
        size: u64,
        /// SHA-256 in hexadecimal.
        sha256: String,
        /// How far the checksum can be trusted; absent for files made or unpacked here.
        #[serde(skip_serializing_if = "Option::is_none")]
        trust: Option<Trust>,
        /// Time in seconds.
        seconds: f64,
        /// Number of bytes read from the network or another source this time.
        transferred: u64,
    },
    /// The file could not be fetched, or is wrong.
    Failed {
        /// Name of the asset.
        name: String,
        /// The full error message.
        error: String,
        /// Name of the exit code.
        class: &'static str,
        /// Whether a message about the host has already told the user why.
        #[serde(skip)]
        said: bool,
    },
    /// Progress of the work on a file.
    #[serde(untagged)]
    Progress(progress::Event),
}

impl From<progress::Event> for Event {
    fn from(event: progress::Event) -> Self {
        Self::Progress(event)
    }
}

impl Event {
    /// Creates the event that the work on an asset starts, such as `fetch`, `verify` or `make`.
    pub fn started(name: &str, doing: &str, source: &str, total: Option<u64>, from: u64) -> Self {
        let start = TaskStart { from, ..TaskStart::new(name, total, Unit::Bytes).doing(doing, source) };
        progress::Event::Started(start).into()
    }

    /// Creates the event that the first `done` bytes of a file are processed.
    pub fn progress(name: &str, done: u64, total: Option<u64>) -> Self {
        progress::Event::Progress { name: name.to_owned(), done, total, detail: String::new() }.into()
    }

    /// Creates the event that the work waits, for `seconds` if that is known.
    pub fn waiting(name: &str, why: impl Into<String>, seconds: Option<f64>) -> Self {
        progress::Event::Waiting { name: name.to_owned(), why: why.into(), seconds }.into()
    }

    /// Creates a note about an asset for the user.
    pub fn note(name: &str, text: impl Into<String>) -> Self {
        progress::Event::Note { name: name.to_owned(), text: text.into() }.into()
    }
}
