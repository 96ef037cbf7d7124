//! Paths of a file and of its companions in the workspace.
//!
//! ```text
//! WORKSPACE/PATH                      the file; it exists only once it is complete and verified
//! WORKSPACE/PATH.part                 the bytes that have arrived so far
//! WORKSPACE/PATH.part.json            source and version of the .part file
//! WORKSPACE/PATH.claim                the process that works on the file
//! WORKSPACE/PATH.suspect-SHA256       a file with a wrong checksum (named after its first digits)
//! WORKSPACE/receipts/NAME.json        size, time and hashes of the file when it was last verified
//! WORKSPACE/receipts/NAME--FILE.json  the same for a file unpacked from the archive NAME
//! ```

use std::path::{Path, PathBuf};

use super::manifest::{Asset, Made, Unpack};

/// Separator between the name of an archive and the name of a file unpacked from it.
const OF_MEMBER: &str = "--";

/// Returns whether a name is that of an unpacked file ([`AssetPaths::unpacked`]).
pub fn is_of_member(name: &str) -> bool {
    name.contains(OF_MEMBER)
}

/// Paths of one file and of its companions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetPaths {
    workspace: PathBuf,
    name: String,
    file: PathBuf,
}

impl AssetPaths {
    /// Returns the paths of the file `path` below `workspace`, with the name `name`.
    pub fn new(workspace: &Path, name: &str, path: &Path) -> Self {
        Self { workspace: workspace.to_owned(), name: name.to_owned(), file: workspace.join(path) }
    }

    /// Returns the paths of an unpacked member of an archive. Its name consists of the names of the asset and the file.
    pub fn unpacked(workspace: &Path, asset: &Asset, unpack: &Unpack) -> Self {
        let file = unpack.path.file_name().unwrap_or_default().to_string_lossy();
        Self::new(workspace, &format!("{}{OF_MEMBER}{file}", asset.name), &unpack.path)
    }

    /// Returns the paths of a file made from others.
    pub fn made(workspace: &Path, made: &Made) -> Self {
        Self::new(workspace, &made.name, &made.path)
    }

    /// Returns the name of the file, which is also the name of its receipt.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of the file itself.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Returns the path of the partial file.
    pub fn part(&self) -> PathBuf {
        self.beside(".part")
    }

    /// Returns the path of the sidecar of the partial file.
    pub fn sidecar(&self) -> PathBuf {
        self.beside(".part.json")
    }

    /// Returns the path of the claim.
    pub fn claim(&self) -> PathBuf {
        self.beside(".claim")
    }

    /// Returns the path at which a file with a wrong checksum is kept.
    pub fn suspect(&self, sha256: &str) -> PathBuf {
        self.beside(&format!(".suspect-{}", &sha256[..sha256.len().min(12)]))
    }

    /// Returns the path of the receipt.
    pub fn receipt(&self) -> PathBuf {
        self.workspace.join("receipts").join(format!("{}.json", self.name))
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.file.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }
}
