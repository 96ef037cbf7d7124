//! Folders and files of this machine within a container.

use std::path::{Path, PathBuf};

/// Whether a mount may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It may only be read.
    Read,
    /// It may be written; what is written belongs to whoever runs this program.
    Write,
}

/// A folder or file of this machine within the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// On this machine; must exist.
    pub source: PathBuf,
    /// In the container; absolute.
    pub target: PathBuf,
    /// What may be done with it.
    pub access: Access,
}

impl Mount {
    /// A read-only mount.
    pub fn read(source: &Path, target: impl Into<PathBuf>) -> Self {
        Self { source: source.to_owned(), target: target.into(), access: Access::Read }
    }

    /// A writable mount. The folder is made for the purpose: all in it changes hands for the run where the engine needs it.
    pub fn write(source: &Path, target: impl Into<PathBuf>) -> Self {
        Self { source: source.to_owned(), target: target.into(), access: Access::Write }
    }
}
