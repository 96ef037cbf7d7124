//! Where a file and everything about it lies.
//!
//! ```text
//! WORKSPACE/PATH                   the file, there only when it is whole and verified
//! WORKSPACE/PATH.part              what has arrived so far
//! WORKSPACE/PATH.part.json         from where, and which version of it
//! WORKSPACE/PATH.claim             the process that is at work on it
//! WORKSPACE/PATH.suspect-SHA256    a file whose checksum was wrong (first digits of what it has)
//! WORKSPACE/receipts/NAME.json     size, time and hashes of the file when it was last verified
//! WORKSPACE/receipts/NAME--FILE.json  the same of a file unpacked from the archive NAME
//! ```

use std::path::{Path, PathBuf};

use super::manifest::{Asset, Made, Unpack};

/// Stands between the names of an archive and of a file unpacked from it.
const OF_MEMBER: &str = "--";

/// Whether a name is that of a file in the place of an archive's member ([`Place::unpacked`]).
pub fn is_of_member(name: &str) -> bool {
    name.contains(OF_MEMBER)
}

/// The places of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    workspace: PathBuf,
    name: String,
    file: PathBuf,
}

impl Place {
    /// Of the file `path` below `workspace`, known as `name`.
    pub fn new(workspace: &Path, name: &str, path: &Path) -> Self {
        Self { workspace: workspace.to_owned(), name: name.to_owned(), file: workspace.join(path) }
    }

    /// Of what a member of an archive unpacks to: the asset's name and the file's are its name.
    pub fn unpacked(workspace: &Path, asset: &Asset, unpack: &Unpack) -> Self {
        let file = unpack.path.file_name().unwrap_or_default().to_string_lossy();
        Self::new(workspace, &format!("{}{OF_MEMBER}{file}", asset.name), &unpack.path)
    }

    /// Of a file made from others.
    pub fn made(workspace: &Path, made: &Made) -> Self {
        Self::new(workspace, &made.name, &made.path)
    }

    /// What its receipt is kept under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file itself.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What has arrived so far.
    pub fn part(&self) -> PathBuf {
        self.beside(".part")
    }

    /// What is known of the part.
    pub fn sidecar(&self) -> PathBuf {
        self.beside(".part.json")
    }

    /// Who is at work.
    pub fn claim(&self) -> PathBuf {
        self.beside(".claim")
    }

    /// Where a file with a wrong checksum is kept.
    pub fn suspect(&self, sha256: &str) -> PathBuf {
        self.beside(&format!(".suspect-{}", &sha256[..sha256.len().min(12)]))
    }

    /// What is known of the file.
    pub fn receipt(&self) -> PathBuf {
        self.workspace.join("receipts").join(format!("{}.json", self.name))
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.file.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }
}
