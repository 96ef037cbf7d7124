//! What preparing is told, and where stores lie.

use std::path::{Path, PathBuf};

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
