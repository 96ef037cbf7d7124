//! Settings of a preparation, and the path of stores.

use std::path::{Path, PathBuf};

use data::features::Precision;

/// Settings of a preparation.
#[derive(Debug, Clone)]
pub struct PrepareSettings {
    /// Folder that holds `data/`, `downloads/`, `receipts/` and `stores/`.
    pub workspace: PathBuf,
    /// Precision of the stores.
    pub precision: Precision,
    /// Whether an archive is removed after unpacking.
    pub drop_archives: bool,
}

impl PrepareSettings {
    /// Returns the folder of stores.
    pub fn stores(&self) -> PathBuf {
        stores(&self.workspace)
    }
}

/// Returns the folder of a workspace's stores.
pub fn stores(workspace: &Path) -> PathBuf {
    workspace.join("stores")
}
