//! How to fetch, and what came of it.

use std::path::PathBuf;

use crate::download::Network;
use crate::lock::Trust;
use crate::receipt::Receipt;

/// How to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where everything goes.
    pub workspace: PathBuf,
    /// Files at a time.
    pub jobs: usize,
    /// How patient to be with servers.
    pub network: Network,
    /// Bytes that will be needed afterwards, for the look at the disk.
    pub also_needed: u64,
}

/// What was done for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was there.
    Present,
    /// It came.
    Fetched,
}

/// A file that is there and right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The asset.
    pub name: String,
    /// What was done.
    pub outcome: Outcome,
    /// What is known of it. The file itself is gone where [`Receipt::dropped`] says so.
    pub receipt: Receipt,
    /// How much stands behind its checksum.
    pub trust: Trust,
}
