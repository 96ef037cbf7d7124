//! Finds the original's script and the detector's weights in the workspace and verifies them.

use std::path::{Path, PathBuf};

use assets::lock::{Lock, Trust};
use assets::manifest::{Manifest, Selection};
use assets::verify::{Depth, FileState, Subject, subjects, verify};
use base::error::{Error, Result};
use base::progress::Silent;

/// Name of the weights' asset.
pub const WEIGHTS: &str = "caffemodel";

/// A verified file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFile {
    /// Path of the file.
    pub path: PathBuf,
    /// SHA-256 of its content.
    pub sha256: String,
    /// Whether there is a checksum to verify it by.
    pub pinned: bool,
}

/// Finds assets in the workspace and returns them in the order of `names`. A file whose size or time changed is hashed again.
///
/// # Errors
/// Data for a missing asset; checksum for one with the wrong content.
pub fn find<const N: usize>(
    names: [&str; N],
    manifest: &Manifest,
    lock: &Lock,
    workspace: &Path,
) -> Result<[VerifiedFile; N]> {
    let selection = Selection { names: names.iter().map(|name| (*name).to_owned()).collect(), ..Selection::default() };
    let subjects = subjects(manifest, lock, &selection, workspace)?;
    let found = verify(&subjects, Depth::AsNeeded, 1, &Silent)?;
    let asset = |name: &str| {
        let missing = || {
            Error::data(format!("{name} is missing from the workspace {}", workspace.display()))
                .next("fetch the scripts and the weights with `repro fetch --task extractor`")
        };
        let at = subjects.iter().position(|subject| subject.name() == name).ok_or_else(missing)?;
        let (subject, checked): (&Subject, _) = (&subjects[at], &found[at]);
        let path = subject.paths.file();
        match (&checked.state, &checked.hashes) {
            (FileState::Good | FileState::GoodUnpinned, Some(hashes)) => Ok(VerifiedFile {
                path: std::path::absolute(path).map_err(|error| Error::io("find", path, &error))?,
                sha256: hashes.sha256.clone().unwrap_or_default(),
                pinned: subject.trust != Some(Trust::Unpinned),
            }),
            (FileState::Wrong { why } | FileState::Changed { why } | FileState::Unreadable { why }, _) => {
                Err(Error::checksum(format!("{} has the wrong content", path.display()))
                    .because(why)
                    .next(format!("move it away, then run `repro fetch {name}`")))
            }
            _ => Err(missing()),
        }
    };
    let assets = names.iter().map(|name| asset(name)).collect::<Result<Vec<_>>>()?;
    assets.try_into().map_err(|_| Error::bug("an asset was not found"))
}
