//! What those who fetch, verify and unpack tell: a line of JSON for scripts, a progress bar for people.

use serde::Serialize;

use super::lock::Trust;

/// Something that happened to an asset.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Work on a file begins, or begins anew with another source.
    Started {
        /// The asset.
        name: String,
        /// What is done: `fetch`, `adopt`, `verify`, `unpack`, `build`, `make`.
        doing: &'static str,
        /// Where it is read from.
        source: String,
        /// Bytes in all, where known.
        total: Option<u64>,
        /// Bytes that were there already.
        from: u64,
    },
    /// So many bytes are done.
    Progress {
        /// The asset.
        name: String,
        /// Bytes from the file's beginning.
        done: u64,
        /// Bytes in all, where known.
        total: Option<u64>,
    },
    /// Nothing is done for a while.
    Waiting {
        /// The asset.
        name: String,
        /// Why.
        why: String,
        /// How long, in seconds; `None` where nobody knows.
        seconds: Option<f64>,
    },
    /// A source is given up, or the file is begun anew.
    Note {
        /// The asset.
        name: String,
        /// What happened.
        text: String,
    },
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
}

/// Hears of events, from several threads.
pub trait Observer: Sync {
    /// Something happened.
    fn event(&self, event: &Event);
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &Event) {}
}
