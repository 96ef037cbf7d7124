//! Receipts of verified files: kept in the workspace, so that a file need not be read again.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::lock::Demands;
use super::manifest::Checksums;
use super::paths::AssetPaths;
use base::error::{Error, Result};
use base::files::{self, Stat};

const SCHEMA: u32 = 1;
const FILE_LIMIT: u64 = 1 << 20;

/// The record of a verified file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    schema: u32,
    /// Size, time and inode when it was verified.
    pub stat: Stat,
    /// All computed hashes; always with `sha256`.
    pub hashes: Checksums,
    /// Source: a URL, or the file that was adopted or unpacked.
    pub source: String,
    /// Time of the last successful verification, UTC.
    pub verified: String,
    /// Time at which it was removed because everything in it had been unpacked, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<String>,
}

/// State of a file, without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance {
    /// The file is missing.
    Missing,
    /// Nothing is known about the file: it must be read.
    Unknown,
    /// Size or time have changed since it was verified: it must be read.
    Changed(Receipt),
    /// It is unchanged since it was verified, but does not match the current demands; with the reason.
    Wrong(Receipt, String),
    /// It is unchanged since it was verified, and matches the demands.
    Good(Receipt),
}

impl Receipt {
    /// Creates the receipt of a file that was just verified.
    ///
    /// # Errors
    /// [`Error::io`] if the metadata of the file cannot be read.
    pub fn new(file: &Path, hashes: Checksums, source: &str) -> Result<Self> {
        let metadata = std::fs::metadata(file).map_err(|error| Error::io("look at", file, &error))?;
        let (stat, verified) = (Stat::of(&metadata), base::clock::now());
        Ok(Self { schema: SCHEMA, stat, hashes, source: source.to_owned(), verified, dropped: None })
    }

    /// Records that the file is removed now.
    #[must_use]
    pub fn dropped_now(mut self) -> Self {
        self.dropped = Some(base::clock::now());
        self
    }

    /// Marks the file as wrong: the hashes still tell its former content, but no file counts as unchanged.
    #[must_use]
    pub fn marked_wrong(mut self) -> Self {
        self.stat = Stat { size: 0, mtime_ns: 0, inode: 0 };
        self
    }

    /// Returns whether the file was correct when it was last read.
    pub fn is_trusted(&self) -> bool {
        self.stat.inode != 0
    }

    /// Reads the receipt of a file; `None` if it is missing or cannot be read.
    pub fn read(paths: &AssetPaths) -> Option<Self> {
        let text = files::read_text(&paths.receipt(), FILE_LIMIT).ok()?;
        serde_json::from_str(&text).ok().filter(|receipt: &Self| receipt.schema == SCHEMA)
    }

    /// Writes it to the workspace.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, paths: &AssetPaths) -> Result<()> {
        let bytes =
            serde_json::to_vec_pretty(self).map_err(|error| Error::bug("cannot write a receipt").because(error))?;
        files::write_bytes(&paths.receipt(), &bytes)
    }

    /// Returns the SHA-256 of the file.
    pub fn sha256(&self) -> &str {
        self.hashes.sha256.as_deref().unwrap_or("")
    }

    /// Returns how the file differs from the demands; `None` if no difference is known. Hashes that were not computed are
    /// ignored; see [`is_enough`](Self::is_enough).
    pub fn contradicts(&self, demands: &Demands) -> Option<String> {
        if let Some(size) = demands.size.filter(|size| *size != self.stat.size) {
            return Some(format!("it has {} bytes, not {size}", self.stat.size));
        }
        demands.checksums.mismatch(&self.hashes)
    }

    /// Returns whether every demanded checksum was computed.
    pub fn is_enough(&self, demands: &Demands) -> bool {
        demands.checksums.first_missing(&self.hashes).is_none()
    }
}

/// Returns the state of a file by its size, time and receipt.
pub fn glance(paths: &AssetPaths, demands: &Demands) -> Glance {
    let Ok(metadata) = std::fs::metadata(paths.file()) else { return Glance::Missing };
    match Receipt::read(paths) {
        None => Glance::Unknown,
        Some(receipt) if receipt.stat != Stat::of(&metadata) => Glance::Changed(receipt),
        Some(receipt) => match receipt.contradicts(demands) {
            Some(why) => Glance::Wrong(receipt, why),
            None if !receipt.is_enough(demands) => Glance::Unknown,
            None => Glance::Good(receipt),
        },
    }
}
