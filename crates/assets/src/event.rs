//! What is told while files are fetched, verified and unpacked: progress, and what became of each file. Scripts get it as JSON.

use base::progress::{self, TaskStart, Unit};
use serde::Serialize;

use super::lock::Trust;

/// Something that happened to an asset.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The file is there and right.
    Done {
        /// The asset.
        name: String,
        /// `fetched`, `present`, `adopted`, `verified`, `unpacked`, `built`, `made`, `pinned`.
        outcome: &'static str,
        /// Bytes.
        size: u64,
        /// SHA-256 in hexadecimal.
        sha256: String,
        /// How much stands behind that; absent for what is made or unpacked here.
        #[serde(skip_serializing_if = "Option::is_none")]
        trust: Option<Trust>,
        /// Seconds that it took.
        seconds: f64,
        /// Bytes that went over the network or were read from the source this time.
        transferred: u64,
    },
    /// The file could not be had, or is wrong.
    Failed {
        /// The asset.
        name: String,
        /// What, why, and what to do.
        error: String,
        /// Name of the exit code.
        class: &'static str,
        /// People were told why already, of the host.
        #[serde(skip)]
        said: bool,
    },
    /// How far the work on a file is.
    #[serde(untagged)]
    Progress(progress::Event),
}

impl From<progress::Event> for Event {
    fn from(event: progress::Event) -> Self {
        Self::Progress(event)
    }
}

impl Event {
    /// A task in which an asset is fetched, read or made.
    pub fn started(name: &str, doing: &str, source: &str, total: Option<u64>, from: u64) -> Self {
        let start = TaskStart { from, ..TaskStart::new(name, total, Unit::Bytes).doing(doing, source) };
        progress::Event::Started(start).into()
    }

    /// Bytes from the file's beginning that are done.
    pub fn progress(name: &str, done: u64, total: Option<u64>) -> Self {
        progress::Event::Progress { name: name.to_owned(), done, total, detail: String::new() }.into()
    }

    /// Nothing is done for a while, for so many seconds if that is known.
    pub fn waiting(name: &str, why: impl Into<String>, seconds: Option<f64>) -> Self {
        progress::Event::Waiting { name: name.to_owned(), why: why.into(), seconds }.into()
    }

    /// Something that a person should know of an asset.
    pub fn note(name: &str, text: impl Into<String>) -> Self {
        progress::Event::Note { name: name.to_owned(), text: text.into() }.into()
    }
}
