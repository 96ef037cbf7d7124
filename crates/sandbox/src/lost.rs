//! What a run leaves to be put right later.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A folder or file that was handed over, and to whom it goes back with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Folder {
    /// Absolute, without links.
    pub path: PathBuf,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// A container that could not be removed.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    /// Its name.
    pub container: String,
    /// What it may still have written into.
    pub folders: Vec<Folder>,
}
