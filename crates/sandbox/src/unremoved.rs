//! Containers that could not be removed, and folders whose owner must be restored.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A mounted folder or file, and the original owner of it and of everything in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FolderOwner {
    /// Absolute path without symbolic links.
    pub path: PathBuf,
    /// Original owner.
    pub uid: u32,
    /// Original group.
    pub gid: u32,
}

/// A container that could not be removed.
#[derive(Debug, Clone)]
pub(super) struct UnremovedContainer {
    /// Its name.
    pub container: String,
    /// Its writable folders, which it may have written to since their owners were restored.
    pub folders: Vec<FolderOwner>,
}
