//! What can be verified: fetched files, what archives unpacked to, and what was made from them.

use std::path::Path;
use std::sync::Arc;

use crate::known::{Known, KnownFile};
use crate::lock::{Demands, Lock, Trust};
use crate::manifest::{Asset, Checksums, Made, Manifest, Selection, Unpack};
use crate::place::Place;
use crate::plan::{Item, State};
use crate::receipt::Receipt;
use base::error::Result;

/// One file, or a folder of unpacked ones, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Where it lies.
    pub place: Place,
    /// What it must match.
    pub demands: Demands,
    /// How much stands behind that; `None` for what was unpacked or made here.
    pub trust: Option<Trust>,
    /// The asset or made file that has to be fetched or made again where this is not right.
    pub origin: String,
    /// For a folder: how many files it must hold, where that is known.
    pub folder: Option<Option<u64>>,
    /// Files that it may be instead.
    pub known: Arc<Known>,
}

impl Subject {
    /// A fetched file.
    pub fn asset(asset: &Asset, lock: &Lock, workspace: &Path) -> Self {
        let place = Place::new(workspace, &asset.name, &asset.path);
        let (demands, trust) = (lock.demands(asset), Some(lock.trust(asset)));
        Self { place, demands, trust, origin: asset.name.clone(), folder: None, known: Arc::default() }
    }

    /// A file or folder out of an archive.
    pub fn unpacked(asset: &Asset, unpack: &Unpack, workspace: &Path) -> Self {
        let demands = Demands::of_member(asset, unpack);
        let files = || unpack.expect.as_ref().filter(|expect| expect.kind == "files").and_then(|expect| expect.count);
        let folder = unpack.folder.then(files);
        let place = Place::unpacked(workspace, asset, unpack);
        Self { place, demands, trust: None, origin: asset.name.clone(), folder, known: Arc::default() }
    }

    /// A file made from others.
    pub fn made(made: &Made, workspace: &Path) -> Self {
        let checksums = Checksums { sha256: made.sha256.clone(), ..Checksums::default() };
        let demands = Demands { checksums, ..Demands::default() };
        let place = Place::made(workspace, made);
        Self { place, demands, trust: None, origin: made.name.clone(), folder: None, known: Arc::default() }
    }

    /// Its name on the page and in events.
    pub fn name(&self) -> &str {
        self.place.name()
    }

    /// What a file of these hashes is instead, where it is another one of which size and checksum are known.
    pub(super) fn is_other(&self, hashes: &Checksums) -> Option<String> {
        let unknown = |file: &&KnownFile| !self.has_checksum() && file.has_size() && file.name != self.origin;
        self.known.other(hashes, self.name()).filter(unknown).map(KnownFile::sentence)
    }

    /// Whether a checksum is known from outside this workspace.
    pub fn has_checksum(&self) -> bool {
        !self.demands.checksums.is_empty()
    }

    /// What stands behind its checksum, in a word: how much it is trusted, or that it was `recorded` when it was unpacked or made.
    pub fn checksum_state(&self) -> &'static str {
        match self.trust {
            Some(trust) => trust.name(),
            None if self.has_checksum() => Trust::Published.name(),
            None => "recorded",
        }
    }

    fn exists(&self) -> bool {
        self.place.file().symlink_metadata().is_ok()
    }
}

/// What a selection means to whoever verifies, in the manifest's order: its assets; what they were unpacked to and the selection's made
/// files where they are there, are known to have been, or are named. Without any selection: everything that is there.
///
/// # Errors
/// Usage for a name that the manifest does not know.
pub fn subjects(manifest: &Manifest, lock: &Lock, selection: &Selection, workspace: &Path) -> Result<Vec<Subject>> {
    let unselected = *selection == Selection::default();
    let everything = Selection { all: true, ..Selection::default() };
    let selection = if unselected { &everything } else { selection };
    let made_here = |subject: &Subject| subject.exists() || (!unselected && Receipt::read(&subject.place).is_some());
    let known = Arc::new(Known::of(manifest, lock));
    let mut subjects = Vec::new();
    for asset in manifest.select(selection)? {
        let fetched = Subject::asset(asset, lock, workspace);
        // Where a person brought what is in an archive instead of it, those files stand for it.
        let replaced = Item::of(asset, lock, workspace).state == State::Unpacked;
        subjects.extend(Some(fetched).filter(|fetched| fetched.exists() || !(unselected || replaced)));
        let unpacked = asset.unpack.iter().map(|unpack| Subject::unpacked(asset, unpack, workspace));
        subjects.extend(unpacked.filter(made_here));
    }
    for made in manifest.select_made(selection)? {
        let subject = Subject::made(made, workspace);
        subjects.extend(Some(subject).filter(|subject| made_here(subject) || selection.names.contains(&made.name)));
    }
    // What is made may be a copy of what is known.
    for subject in subjects.iter_mut().filter(|subject| !manifest.made.iter().any(|made| made.name == subject.origin)) {
        subject.known = known.clone();
    }
    Ok(subjects)
}
