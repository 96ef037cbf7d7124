//! What is known of a file that is there: kept beside the workspace's files, so that looking again costs nothing.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::lock::Demands;
use super::manifest::Checksums;
use super::place::Place;
use base::error::{Error, Result};
use base::files::{self, Stat};

const SCHEMA: u32 = 1;
const FILE_LIMIT: u64 = 1 << 20;

/// A verified file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    schema: u32,
    /// Size, time and inode when it was verified.
    pub stat: Stat,
    /// All hashes that were taken; `sha256` always.
    pub hashes: Checksums,
    /// Where it came from: a URL, or the file that was adopted or unpacked.
    pub source: String,
    /// When it was last read whole and found right, UTC.
    pub verified: String,
    /// When it was removed because everything in it had been unpacked, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<String>,
}

/// What a look at a file without reading it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance {
    /// There is no such file.
    Missing,
    /// There is a file, of which nothing is known: it must be read.
    Unknown,
    /// Size or time differ from when it was verified: it must be read.
    Changed(Receipt),
    /// It is as it was when it was verified, but what is demanded of it has changed and it is known to be wrong.
    Wrong(Receipt, String),
    /// It is as it was when it was verified, and that is what is demanded.
    Good(Receipt),
}

impl Receipt {
    /// For a file just verified.
    ///
    /// # Errors
    /// What [`Error::io`] says where the file cannot be looked at.
    pub fn new(file: &Path, hashes: Checksums, source: &str) -> Result<Self> {
        let metadata = std::fs::metadata(file).map_err(|error| Error::io("look at", file, &error))?;
        let (stat, verified) = (Stat::of(&metadata), base::clock::now());
        Ok(Self { schema: SCHEMA, stat, hashes, source: source.to_owned(), verified, dropped: None })
    }

    /// The same, with the note that the file is removed now.
    #[must_use]
    pub fn dropped_now(mut self) -> Self {
        self.dropped = Some(base::clock::now());
        self
    }

    /// The same for a file that was found to be another: its hashes still say what it was, but no file counts as unchanged.
    #[must_use]
    pub fn distrusted(mut self) -> Self {
        self.stat = Stat { size: 0, mtime_ns: 0, inode: 0 };
        self
    }

    /// Whether the file was right when it was last read.
    pub fn is_trusted(&self) -> bool {
        self.stat.inode != 0
    }

    /// The receipt of a place; one that cannot be read is none.
    pub fn read(place: &Place) -> Option<Self> {
        let text = files::read_text(&place.receipt(), FILE_LIMIT).ok()?;
        serde_json::from_str(&text).ok().filter(|receipt: &Self| receipt.schema == SCHEMA)
    }

    /// Keeps it.
    pub fn write(&self, place: &Place) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::bug("a receipt cannot be written").because(error))?;
        files::write_bytes(&place.receipt(), &bytes)
    }

    /// SHA-256 of the file.
    pub fn sha256(&self) -> &str {
        self.hashes.sha256.as_deref().unwrap_or("")
    }

    /// What is wrong with a file of these hashes, if something is known to be. A checksum that was not taken is not
    /// known to be wrong, but see [`is_enough`](Self::is_enough).
    pub fn contradicts(&self, demands: &Demands) -> Option<String> {
        if let Some(size) = demands.size.filter(|size| *size != self.stat.size) {
            return Some(format!("it has {} bytes, not {size}", self.stat.size));
        }
        demands.checksums.fault(&self.hashes)
    }

    /// Whether every demanded checksum was taken.
    pub fn is_enough(&self, demands: &Demands) -> bool {
        demands.checksums.not_taken(&self.hashes).is_none()
    }
}

/// Looks at a file by size and time only.
pub fn glance(place: &Place, demands: &Demands) -> Glance {
    let Ok(metadata) = std::fs::metadata(place.file()) else { return Glance::Missing };
    match Receipt::read(place) {
        None => Glance::Unknown,
        Some(receipt) if receipt.stat != Stat::of(&metadata) => Glance::Changed(receipt),
        Some(receipt) => match receipt.contradicts(demands) {
            Some(why) => Glance::Wrong(receipt, why),
            None if !receipt.is_enough(demands) => Glance::Unknown,
            None => Glance::Good(receipt),
        },
    }
}
