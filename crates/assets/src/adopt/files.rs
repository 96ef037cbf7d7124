//! Identifies the files of a folder and installs those that are assets.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::identify;
use super::install::{self, InstallResult, Installation};
use super::mismatch::Mismatch;
use super::walk::{self, Candidate};
use crate::event::Event;
use crate::known_files::KnownFiles;
use crate::manifest::{Asset, Checksums, Unpack};
use crate::paths::AssetPaths;
use crate::plan::{AssetState, Item};
use base::error::{Error, Result};
use base::exit;
use base::progress::{Observer, ProgressTask, TaskStart, Unit};
use base::signals::ShutdownGuard;

/// Results for the files of a folder.
#[derive(Debug, Default)]
pub struct Summary {
    /// Names of the adopted assets.
    pub adopted: Vec<String>,
    /// Names of assets that were found but were present already.
    pub present: Vec<String>,
    /// Errors of files that were identified but are wrong.
    pub refused: Vec<Error>,
    /// Files that are no selected asset, with an explanation if one is needed.
    pub unknown: Vec<(PathBuf, Option<String>)>,
}

/// A second copy of an asset in a folder, with a plausible name and size.
#[derive(Debug)]
pub struct SecondCopy {
    /// Hashes.
    pub hashes: Checksums,
    /// Size in bytes.
    pub size: u64,
    /// The file, or its parts.
    pub source: String,
}

/// Returns the unpacked files of archives as assets, with the paths that unpacking would use: some users download these files
/// instead of the archives.
pub fn unpacked(archives: &[&Asset]) -> Vec<Asset> {
    let of = |archive: &Asset, unpack: &Unpack| {
        let mut asset = archive.clone();
        asset.name = AssetPaths::unpacked(Path::new(""), archive, unpack).name().to_owned();
        asset.path.clone_from(&unpack.path);
        (asset.size, asset.size_about) = (None, None);
        (asset.size_min, asset.size_max) = (archive.lower_bound_of(unpack), Some(unpack.size_max));
        (asset.checksums, asset.expect) = (unpack.checksums(), unpack.expect.clone());
        (asset.urls, asset.by_hand, asset.unpack) = (Vec::new(), Vec::new(), Vec::new());
        asset
    };
    let files = |archive: &Asset| -> Vec<Asset> {
        archive.unpack.iter().filter(|unpack| !unpack.folder).map(|unpack| of(archive, unpack)).collect()
    };
    archives.iter().flat_map(|archive| files(archive)).collect()
}

/// Adopts files in `folder` for the missing `items`. A wrong file is refused and left unchanged; the others are still adopted.
/// A file that is `known` by its checksum is that asset, whatever its name.
///
/// # Errors
/// Usage if `folder` is not a folder; disk if there is no space; [`Error::io`].
pub fn adopt(folder: &Path, items: &[Item], known: &KnownFiles, observer: &dyn Observer<Event>) -> Result<Summary> {
    let _at_work = ShutdownGuard::begin()?;
    let contents = walk::walk(folder, &|name| items.iter().any(|item| identify::names(item.asset).any(|n| n == name)))?;
    let mut summary = Summary::default();
    let unfinished = "an incomplete download, by its name".to_owned();
    summary.unknown.extend(contents.unfinished.into_iter().map(|path| (path, Some(unfinished.clone()))));
    let mut open: Vec<&Item> = items.iter().collect();
    let mut refused: Vec<(String, Error)> = Vec::new();
    for candidate in &contents.candidates {
        match (Adopter { candidate, known, observer }).run(&open)? {
            Identification::Is(item, InstallResult::Adopted(_)) => {
                summary.adopted.push(item.asset.name.clone());
                open.retain(|other| other.asset.name != item.asset.name);
            }
            Identification::Is(item, _) => summary.present.push(item.asset.name.clone()),
            Identification::Wrong(item, why) => {
                let error = refused_error(candidate, item, &why);
                let (name, class) = (item.asset.name.clone(), exit::class(&error));
                observer.event(&Event::Failed { name: name.clone(), error: error.to_string(), class, said: false });
                refused.push((name, error));
            }
            Identification::Unclear(why) => {
                summary.unknown.extend(paths(candidate).map(|path| (path, Some(why.clone()))))
            }
            Identification::Nothing => {
                let copy = summary.adopted.iter().find(|name| {
                    items.iter().any(|item| {
                        item.asset.name == **name && identify::names(item.asset).any(|n| n == candidate.name)
                    })
                });
                let why = copy.map(|name| format!("another copy of `{name}`, which was already adopted"));
                summary.unknown.extend(paths(candidate).map(|path| (path, why.clone())));
            }
        }
    }
    // If a second download was correct, the first, broken one does not matter.
    refused.retain(|(name, _)| !summary.adopted.contains(name));
    summary.refused = refused.into_iter().map(|(_, error)| error).collect();
    Ok(summary)
}

/// Finds and hashes a second copy of a present asset in `folder`; `None` if no file has its name and a plausible size.
///
/// # Errors
/// The errors of [`adopt`].
pub fn find_copy(folder: &Path, item: &Item, observer: &dyn Observer<Event>) -> Result<Option<SecondCopy>> {
    let contents = walk::walk(folder, &|name| identify::names(item.asset).any(|n| n == name))?;
    for candidate in &contents.candidates {
        let itself = candidate.pieces.iter().any(|piece| {
            std::fs::metadata(item.paths.file())
                .is_ok_and(|there| base::files::Stat::of(&there).inode == piece.stat.inode)
        });
        if itself || candidate.broken.is_some() || identify::guess(candidate, &[item]).named.is_empty() {
            continue;
        }
        let task = ProgressTask::begin(observer, start(candidate, &item.asset.name, "verify"));
        let hashes = install::hash(candidate, &item.demands.checksums, &mut |done| task.at(done, String::new))?;
        return Ok(Some(SecondCopy { hashes, size: candidate.size(), source: candidate.source() }));
    }
    Ok(None)
}

pub(super) enum Identification<'a> {
    Is(&'a Item<'a>, InstallResult),
    Wrong(&'a Item<'a>, Mismatch),
    Unclear(String),
    Nothing,
}

/// Identifies one file and installs it.
struct Adopter<'a> {
    candidate: &'a Candidate,
    known: &'a KnownFiles,
    observer: &'a dyn Observer<Event>,
}

impl Adopter<'_> {
    fn run<'i>(&self, items: &[&'i Item<'i>]) -> Result<Identification<'i>> {
        let (candidate, guess) = (self.candidate, identify::guess(self.candidate, items));
        let pick = |indices: &[usize]| -> Vec<&'i Item<'i>> {
            indices.iter().filter_map(|i| items.get(*i).copied()).collect()
        };
        let named = pick(&guess.named);
        if let (Some(why), Some(item)) = (&candidate.broken, named.first()) {
            return Ok(Identification::Wrong(item, why.clone().into()));
        }
        if let [one] = named.as_slice()
            && let Some(found) = settled(one, candidate)
        {
            return Ok(found);
        }
        if !named.is_empty()
            && let Some(found) = self.by_checksum(&named, items)?
        {
            return Ok(found);
        }
        let fits = |item: &&&Item| identify::implausible(item, candidate.size()).is_none();
        let plausible: Vec<&Item> = named.iter().filter(fits).copied().collect();
        let by_hash = pick(&guess.by_hash);
        if let ([one], []) = (plausible.as_slice(), by_hash.as_slice()) {
            return self.take(one, None);
        }
        let (demanding, undemanding): (Vec<&Item>, Vec<_>) =
            plausible.iter().chain(&by_hash).copied().partition(|item| !item.demands.checksums.is_empty());
        let mut why = named.first().and_then(|item| identify::implausible(item, candidate.size()));
        if !demanding.is_empty() {
            let hashes = self.identify(&demanding)?;
            let wrong = |item: &Item| install::contradicts(&hashes, &item.demands.checksums);
            if let Some(item) = demanding.iter().copied().find(|item| wrong(item).is_none()) {
                return self.take(item, Some(hashes));
            }
            why = why.or_else(|| named.first().and_then(|item| wrong(item)));
        }
        match (undemanding.as_slice(), named.first(), guess.by_size.and_then(|index| items.get(index))) {
            ([one], ..) => self.take(one, None),
            ([_, _, ..], ..) => Ok(Identification::Unclear(unclear(&undemanding))),
            ([], Some(item), _) => Ok(Identification::Wrong(
                item,
                why.map_or_else(|| "it is not the expected file".into(), Mismatch::from),
            )),
            ([], None, Some(item)) => self.take(item, None),
            ([], None, None) => Ok(Identification::Nothing),
        }
    }

    /// Identifies a file by its checksum if a known file has its size: a checksum takes precedence over the name.
    fn by_checksum<'i>(&self, named: &[&'i Item<'i>], items: &[&'i Item<'i>]) -> Result<Option<Identification<'i>>> {
        if !self.known.has_size(self.candidate.size()) {
            return Ok(None);
        }
        let hashes = self.identify(items)?;
        let Some(known) = self.known.find(&hashes) else { return Ok(None) };
        match (items.iter().find(|item| item.asset.name == known.name), named.first()) {
            (Some(item), _) => self.take(item, Some(hashes)).map(Some),
            (None, Some(named)) => Ok(Some(Identification::Wrong(named, known.into()))),
            (None, None) => Ok(None),
        }
    }

    /// Computes all kinds of hashes that the items demand or that known files of its size have.
    fn identify(&self, items: &[&Item]) -> Result<Checksums> {
        let task = ProgressTask::begin(self.observer, start(self.candidate, &self.candidate.name, "identify"));
        let (mut kinds, known) = (identify::kinds(items.iter().copied()), self.known.kinds(self.candidate.size()));
        (kinds.md5, kinds.git_blob) = (kinds.md5.or(known.md5), kinds.git_blob.or(known.git_blob));
        install::hash(self.candidate, &kinds, &mut |done| task.at(done, String::new))
    }

    fn take<'i>(&self, item: &'i Item<'i>, hashes: Option<Checksums>) -> Result<Identification<'i>> {
        if let Some(found) = settled(item, self.candidate) {
            return Ok(found);
        }
        let (name, began) = (item.asset.name.clone(), Instant::now());
        let task = ProgressTask::begin(self.observer, start(self.candidate, &name, "adopt"));
        let work = Installation {
            candidate: self.candidate,
            item,
            hashes,
            known: self.known,
            observer: self.observer,
            task: &task,
        };
        let brought = work.install()?;
        drop(task);
        if let InstallResult::Adopted(receipt) = &brought {
            self.observer.event(&Event::Done {
                name,
                outcome: "adopted",
                size: receipt.stat.size,
                sha256: receipt.sha256().to_owned(),
                trust: Some(item.trust),
                seconds: began.elapsed().as_secs_f64(),
                transferred: self.candidate.size(),
            });
        }
        Ok(match brought {
            InstallResult::Refused(why) => Identification::Wrong(item, why),
            other => Identification::Is(item, other),
        })
    }
}

/// Returns the result for an item that is present already or must be verified first; `None` if it is missing.
fn settled<'i>(item: &'i Item<'i>, candidate: &Candidate) -> Option<Identification<'i>> {
    let itself = candidate.pieces.iter().any(|piece| piece.path == item.paths.file());
    match item.state {
        AssetState::Good | AssetState::Dropped | AssetState::Unpacked => {
            Some(Identification::Is(item, InstallResult::Present))
        }
        AssetState::Unverified if !itself => {
            let (there, name) = (item.paths.file().display(), &item.asset.name);
            Some(Identification::Unclear(format!(
                "{there} exists but was never verified: run `repro verify {name}` first"
            )))
        }
        _ if itself => Some(Identification::Is(item, InstallResult::Present)),
        _ => None,
    }
}

fn unclear(items: &[&Item]) -> String {
    let choices: Vec<String> = items
        .iter()
        .map(|item| {
            let folder = item.asset.path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
            format!("`{}` (if so, move it into a folder `{folder}`)", item.asset.name)
        })
        .collect();
    format!("may be {}", choices.join(" or "))
}

fn start(candidate: &Candidate, name: &str, doing: &str) -> TaskStart {
    TaskStart::new(name, candidate.size(), Unit::Bytes).doing(doing, candidate.source())
}

fn refused_error(candidate: &Candidate, item: &Item, fault: &Mismatch) -> Error {
    let what = format!("{} is not `{}`, despite its name", candidate.source(), item.asset.name);
    let error = match candidate.broken {
        Some(_) => Error::data(what),
        None => Error::checksum(what),
    };
    error.because(&fault.why).next(match &fault.actual {
        Some(name) => format!("it was not changed; run `repro fetch {name} --from DIR` to adopt it as `{name}`"),
        None => "download it again (it was not changed), or rename it if it is another file".to_owned(),
    })
}

fn paths(candidate: &Candidate) -> impl Iterator<Item = PathBuf> + '_ {
    candidate.pieces.iter().map(|piece| piece.path.clone())
}
