//! Folders and files of this machine that are mounted into a container.

use std::path::{Path, PathBuf};

/// Access to a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read-only.
    Read,
    /// Writable; new files belong to the user who runs this program.
    Write,
}

/// A folder or file of this machine that is mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Path on this machine; must exist.
    pub source: PathBuf,
    /// Absolute path in the container.
    pub target: PathBuf,
    /// Access to it.
    pub access: Access,
}

impl Mount {
    /// Creates a read-only mount.
    pub fn read(source: &Path, target: impl Into<PathBuf>) -> Self {
        Self { source: source.to_owned(), target: target.into(), access: Access::Read }
    }

    /// Creates a writable mount. The folder must hold nothing else: the owner of everything in it may change during the run.
    pub fn write(source: &Path, target: impl Into<PathBuf>) -> Self {
        Self { source: source.to_owned(), target: target.into(), access: Access::Write }
    }
}
