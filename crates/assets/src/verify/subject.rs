//! The files to verify: fetched, unpacked and made ones.

use std::path::Path;
use std::sync::Arc;

use crate::known_files::{KnownFile, KnownFiles};
use crate::lock::{Demands, Lock, Trust};
use crate::manifest::{Asset, Checksums, Made, Manifest, Selection, Unpack};
use crate::paths::AssetPaths;
use crate::plan::{AssetState, Item};
use crate::receipt::Receipt;
use base::error::Result;

/// A file, or a folder of unpacked files, and what it must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its paths in the workspace.
    pub paths: AssetPaths,
    /// Size and checksums that it must match.
    pub demands: Demands,
    /// How far its checksum can be trusted; `None` for files unpacked or made here.
    pub trust: Option<Trust>,
    /// Name of the asset or made file that must be fetched or made again if this file is wrong.
    pub origin: String,
    /// For a folder: the number of files that it must have, if known.
    pub folder: Option<Option<u64>>,
    /// Other files that it could be by its checksum.
    pub known: Arc<KnownFiles>,
}

impl Subject {
    /// Returns the subject for a fetched file.
    pub fn asset(asset: &Asset, lock: &Lock, workspace: &Path) -> Self {
        let paths = AssetPaths::new(workspace, &asset.name, &asset.path);
        let (demands, trust) = (lock.demands(asset), Some(lock.trust(asset)));
        Self { paths, demands, trust, origin: asset.name.clone(), folder: None, known: Arc::default() }
    }

    /// Returns the subject for an unpacked file or folder.
    pub fn unpacked(asset: &Asset, unpack: &Unpack, workspace: &Path) -> Self {
        let demands = Demands::of_member(asset, unpack);
        let files = || unpack.expect.as_ref().filter(|expect| expect.kind == "files").and_then(|expect| expect.count);
        let folder = unpack.folder.then(files);
        let paths = AssetPaths::unpacked(workspace, asset, unpack);
        Self { paths, demands, trust: None, origin: asset.name.clone(), folder, known: Arc::default() }
    }

    /// Returns the subject for a made file.
    pub fn made(made: &Made, workspace: &Path) -> Self {
        let checksums = Checksums { sha256: made.sha256.clone(), ..Checksums::default() };
        let demands = Demands { checksums, ..Demands::default() };
        let paths = AssetPaths::made(workspace, made);
        Self { paths, demands, trust: None, origin: made.name.clone(), folder: None, known: Arc::default() }
    }

    /// Returns its name on the page and in events.
    pub fn name(&self) -> &str {
        self.paths.name()
    }

    /// Returns which other known file has these hashes, as a sentence; `None` if there is none.
    pub(super) fn is_other(&self, hashes: &Checksums) -> Option<String> {
        let unknown = |file: &&KnownFile| !self.has_checksum() && file.has_size() && file.name != self.origin;
        self.known.other(hashes, self.name()).filter(unknown).map(KnownFile::sentence)
    }

    /// Returns whether a checksum is known from outside this workspace.
    pub fn has_checksum(&self) -> bool {
        !self.demands.checksums.is_empty()
    }

    /// Returns a word for its checksum: how far it can be trusted, or `recorded` for files unpacked or made here.
    pub fn checksum_state(&self) -> &'static str {
        match self.trust {
            Some(trust) => trust.name(),
            None if self.has_checksum() => Trust::Published.name(),
            None => "recorded",
        }
    }

    fn exists(&self) -> bool {
        self.paths.file().symlink_metadata().is_ok()
    }
}

/// Returns the files of a selection to verify, in the manifest's order: its assets, and their unpacked files and the made files
/// that are present, have a receipt, or are named. An empty selection means all present files.
///
/// # Errors
/// Usage for an unknown name.
pub fn subjects(manifest: &Manifest, lock: &Lock, selection: &Selection, workspace: &Path) -> Result<Vec<Subject>> {
    let unselected = *selection == Selection::default();
    let everything = Selection { all: true, ..Selection::default() };
    let selection = if unselected { &everything } else { selection };
    let made_here = |subject: &Subject| subject.exists() || (!unselected && Receipt::read(&subject.paths).is_some());
    let known = Arc::new(KnownFiles::of(manifest, lock));
    let mut subjects = Vec::new();
    for asset in manifest.select(selection)? {
        let fetched = Subject::asset(asset, lock, workspace);
        // If the user downloaded the unpacked files instead of the archive, those are verified.
        let replaced = Item::of(asset, lock, workspace).state == AssetState::Unpacked;
        subjects.extend(Some(fetched).filter(|fetched| fetched.exists() || !(unselected || replaced)));
        let unpacked = asset.unpack.iter().map(|unpack| Subject::unpacked(asset, unpack, workspace));
        subjects.extend(unpacked.filter(made_here));
    }
    for made in manifest.select_made(selection)? {
        let subject = Subject::made(made, workspace);
        subjects.extend(Some(subject).filter(|subject| made_here(subject) || selection.names.contains(&made.name)));
    }
    // A made file may be a copy of a known file.
    for subject in subjects.iter_mut().filter(|subject| !manifest.made.iter().any(|made| made.name == subject.origin)) {
        subject.known = known.clone();
    }
    Ok(subjects)
}
