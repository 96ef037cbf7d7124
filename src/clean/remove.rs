//! Removes what was found, each under the lock that keeps other commands away from it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::class::{Guard, Item};
use super::in_use::OpenFiles;
use super::places::Places;
use crate::pipeline::workspace_lock::WorkspaceLock;
use assets::claim::{Attempt, Claim, try_claim};
use assets::paths::AssetPaths;
use assets::receipt::Receipt;
use base::error::{Error, Result};
use base::files::lock::FileLock;

/// What a removal came to.
#[derive(Debug, Default)]
pub struct Freed {
    /// Items that are gone.
    pub removed: Vec<Item>,
    /// Items that stay, with the command or process that uses them.
    pub in_use: Vec<(Item, String)>,
}

/// What is held while an item is removed.
enum Held {
    Nothing,
    Claim { _claim: Claim },
    Training { _lock: FileLock },
}

/// Removes items. What a command at work uses stays.
///
/// # Errors
/// Infra if a run is at work in the workspace, or a file cannot be removed; what is removed by then is removed.
pub fn remove(places: &Places, items: Vec<Item>) -> Result<Freed> {
    // Without a cache no run has been here.
    let cache = places.workspace.join("cache");
    let _lock = cache.is_dir().then(|| WorkspaceLock::take(&cache.join("lock"))).transpose()?;
    let (open, mut freed) = (OpenFiles::now(), Freed::default());
    for item in items {
        let held = match hold(&item)? {
            Ok(held) => held,
            Err(by) => {
                freed.in_use.push((item, by));
                continue;
            }
        };
        if item.paths.iter().any(|path| open.any_below(path)) {
            freed.in_use.push((item, "a process has it open".to_owned()));
            continue;
        }
        note_dropped(places, &item)?;
        item.paths.iter().try_for_each(|path| remove_path(path))?;
        remove_empty_folder(&item);
        drop(held);
        freed.removed.push(item);
    }
    Ok(freed)
}

/// Takes an item's lock, or says who has it.
fn hold(item: &Item) -> Result<Result<Held, String>> {
    Ok(match &item.guard {
        Guard::Workspace => Ok(Held::Nothing),
        Guard::Claim { claim, .. } => match try_claim(claim)? {
            Attempt::Acquired(claim) => Ok(Held::Claim { _claim: claim }),
            Attempt::Held { by } => Err(by),
        },
        Guard::Training(folder) => {
            let file = fs::File::open(folder).map_err(|e| Error::io("open", folder, &e))?;
            match FileLock::try_acquire(file, folder) {
                Ok(lock) => Ok(Held::Training { _lock: lock }),
                Err(fs::TryLockError::WouldBlock) => Err("a training is at work there".to_owned()),
                Err(fs::TryLockError::Error(e)) => return Err(Error::io("lock", folder, &e)),
            }
        }
    })
}

/// Notes in an archive's receipt that it was removed on purpose, so that it does not count as missing.
fn note_dropped(places: &Places, item: &Item) -> Result<()> {
    let Guard::Claim { archive: Some(name), .. } = &item.guard else { return Ok(()) };
    let Some(asset) = places.manifest.asset(name) else { return Ok(()) };
    let place = AssetPaths::new(places.workspace, &asset.name, &asset.path);
    Receipt::read(&place).map_or(Ok(()), |receipt| receipt.dropped_now().write(&place))
}

fn remove_path(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(Error::io("remove", path, &e).next("check who may write there, then run it again"))
        }
        _ => Ok(()),
    }
}

/// Removes the folder of a training's snapshots or of a stage's name, if nothing else is in it.
fn remove_empty_folder(item: &Item) {
    let above: Option<PathBuf> = item.paths.first().and_then(|path| path.parent()).map(Path::to_owned);
    if let (Guard::Workspace | Guard::Training(_), Some(folder)) = (&item.guard, above) {
        let _ = fs::remove_dir(folder);
    }
}
