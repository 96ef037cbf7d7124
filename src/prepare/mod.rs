//! What was fetched becomes what training reads: archives are unpacked, features get their stores, the original's
//! scripts are replayed, and everything that can be counted is counted.
//!
//! - [`plan`]: what is done, what is to do and what waits, without reading a file;
//! - [`prepare()`]: does it, with each file claimed while it is worked on;
//! - [`make`]: files made from others, as the original's scripts make them;
//! - [`check`]: counts that must hold, and features for every question; [`mod@count`]: the counting;
//! - [`summary`]: what was done and found.

pub mod check;
pub mod count;
pub mod make;
pub mod plan;
mod run;
pub mod summary;
mod tell;
mod unpack;

use std::path::{Path, PathBuf};

pub use plan::{State, Step, Work, disk_needed, most_at_a_time, steps};
pub use run::prepare;
pub use summary::Summary;

use data::features::Precision;

/// How to prepare.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder that holds `data/`, `downloads/`, `receipts/` and `stores/`.
    pub workspace: PathBuf,
    /// How stores keep features.
    pub precision: Precision,
    /// Whether an archive is removed once everything in it is unpacked.
    pub drop_archives: bool,
}

impl Settings {
    /// Where stores lie.
    pub fn stores(&self) -> PathBuf {
        stores(&self.workspace)
    }
}

/// Where the stores of a workspace lie.
pub fn stores(workspace: &Path) -> PathBuf {
    workspace.join("stores")
}
