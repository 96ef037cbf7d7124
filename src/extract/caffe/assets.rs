//! The original's script and the detector's weights, as they were fetched and verified.

use std::path::{Path, PathBuf};

use assets::lock::{Lock, Trust};
use assets::manifest::{Manifest, Selection};
use assets::verify::{Depth, State, Subject, subjects, verify};
use base::error::{Error, Result};
use base::progress::Silent;

/// The asset that holds the weights.
pub const WEIGHTS: &str = "caffemodel";

/// A verified file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of its content.
    pub sha256: String,
    /// Whether anything is known to compare it with.
    pub pinned: bool,
}

/// Finds assets in the workspace, in the order of their names; one that is not known by its size and time is read.
///
/// # Errors
/// Data for one that is missing, Checksum for one that is another file than it should be.
pub fn find<const N: usize>(
    names: [&str; N],
    manifest: &Manifest,
    lock: &Lock,
    workspace: &Path,
) -> Result<[Asset; N]> {
    let selection = Selection { names: names.iter().map(|name| (*name).to_owned()).collect(), ..Selection::default() };
    let subjects = subjects(manifest, lock, &selection, workspace)?;
    let found = verify(&subjects, Depth::AsNeeded, 1, &Silent)?;
    let asset = |name: &str| {
        let missing = || {
            Error::data(format!("{name} is not in the workspace {}", workspace.display()))
                .next("`repro fetch --task extract` brings the scripts and the weights")
        };
        let at = subjects.iter().position(|subject| subject.name() == name).ok_or_else(missing)?;
        let (subject, checked): (&Subject, _) = (&subjects[at], &found[at]);
        let path = subject.place.file();
        match (&checked.state, &checked.hashes) {
            (State::Good | State::GoodUnpinned, Some(hashes)) => Ok(Asset {
                path: std::path::absolute(path).map_err(|error| Error::io("find", path, &error))?,
                sha256: hashes.sha256.clone().unwrap_or_default(),
                pinned: subject.trust != Some(Trust::Unpinned),
            }),
            (State::Wrong { why } | State::Changed { why } | State::Unreadable { why }, _) => {
                Err(Error::checksum(format!("{} is not the file that it should be", path.display()))
                    .because(why)
                    .next(format!("move it away, then `repro fetch {name}` brings it")))
            }
            _ => Err(missing()),
        }
    };
    let assets = names.iter().map(|name| asset(name)).collect::<Result<Vec<_>>>()?;
    assets.try_into().map_err(|_| Error::bug("an asset was not found"))
}
