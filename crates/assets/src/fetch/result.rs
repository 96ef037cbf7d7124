//! Settings and results of fetching.

use std::path::PathBuf;

use crate::download::Network;
use crate::lock::Trust;
use crate::receipt::Receipt;

/// Settings of fetching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchSettings {
    /// The workspace.
    pub workspace: PathBuf,
    /// Number of files fetched at the same time.
    pub jobs: usize,
    /// Timeouts and retries.
    pub network: Network,
    /// Number of bytes needed on the disk in addition, after fetching.
    pub also_needed: u64,
}

/// What was done for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was present already.
    Present,
    /// It was fetched.
    Fetched,
}

/// A file that is present and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchResult {
    /// Name of the asset.
    pub name: String,
    /// What was done.
    pub outcome: Outcome,
    /// Its receipt. The file itself may have been removed on purpose; see [`Receipt::dropped`].
    pub receipt: Receipt,
    /// How far its checksum can be trusted.
    pub trust: Trust,
}
