//! Finds the files of a folder that are assets, checks them, and puts them in their places.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::bring::{self, Brought, Work};
use super::fault::Fault;
use super::recognise;
use super::walk::{self, Candidate};
use crate::event::Event;
use crate::known::Known;
use crate::manifest::{Asset, Checksums, Unpack};
use crate::place::Place;
use crate::plan::{Item, State};
use base::error::{Error, Result};
use base::exit;
use base::progress::{Observer, ProgressTask, TaskStart, Unit};
use base::signals::ShutdownGuard;

/// What became of a folder's files.
#[derive(Debug, Default)]
pub struct Summary {
    /// Assets that were taken, by their names.
    pub adopted: Vec<String>,
    /// Assets whose file was found but that are there already.
    pub present: Vec<String>,
    /// Files that were recognised and are wrong.
    pub refused: Vec<Error>,
    /// Files that are nothing that was asked for, and why where that needs saying.
    pub unknown: Vec<(PathBuf, Option<String>)>,
}

/// A file of a folder that is right for an asset, or at least plausible.
#[derive(Debug)]
pub struct Other {
    /// Its hashes.
    pub hashes: Checksums,
    /// Bytes.
    pub size: u64,
    /// Which file, or which parts.
    pub source: String,
}

/// What archives unpack to, as assets of their own: some people get the files themselves instead. Their places are those that
/// unpacking would use.
pub fn unpacked(archives: &[&Asset]) -> Vec<Asset> {
    let of = |archive: &Asset, unpack: &Unpack| {
        let mut asset = archive.clone();
        asset.name = Place::unpacked(Path::new(""), archive, unpack).name().to_owned();
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

/// Takes what is in `folder` for those `items` that are not there. A wrong file is refused and left alone; the others are taken
/// nevertheless. A file that is `known` by its checksum is that one, whatever its name says.
///
/// # Errors
/// Usage where `folder` is none; disk where there is no room; what [`Error::io`] says.
pub fn adopt(folder: &Path, items: &[Item], known: &Known, observer: &dyn Observer<Event>) -> Result<Summary> {
    let _at_work = ShutdownGuard::begin()?;
    let contents =
        walk::walk(folder, &|name| items.iter().any(|item| recognise::names(item.asset).any(|n| n == name)))?;
    let mut summary = Summary::default();
    let unfinished = "not yet arrived whole, by its name".to_owned();
    summary.unknown.extend(contents.unfinished.into_iter().map(|path| (path, Some(unfinished.clone()))));
    let mut open: Vec<&Item> = items.iter().collect();
    let mut refused: Vec<(String, Error)> = Vec::new();
    for candidate in &contents.candidates {
        match (Adopter { candidate, known, observer }).run(&open)? {
            Found::Is(item, Brought::Adopted(_)) => {
                summary.adopted.push(item.asset.name.clone());
                open.retain(|other| other.asset.name != item.asset.name);
            }
            Found::Is(item, _) => summary.present.push(item.asset.name.clone()),
            Found::Wrong(item, why) => {
                let error = refusal(candidate, item, &why);
                let (name, class) = (item.asset.name.clone(), exit::class(&error));
                observer.event(&Event::Failed { name: name.clone(), error: error.to_string(), class, said: false });
                refused.push((name, error));
            }
            Found::Unclear(why) => summary.unknown.extend(paths(candidate).map(|path| (path, Some(why.clone())))),
            Found::Nothing => {
                let copy = summary.adopted.iter().find(|name| {
                    items.iter().any(|item| {
                        item.asset.name == **name && recognise::names(item.asset).any(|n| n == candidate.name)
                    })
                });
                let why = copy.map(|name| format!("another copy of `{name}`, which was taken already"));
                summary.unknown.extend(paths(candidate).map(|path| (path, why.clone())));
            }
        }
    }
    // Where a second download was right, the first, broken one does not matter.
    refused.retain(|(name, _)| !summary.adopted.contains(name));
    summary.refused = refused.into_iter().map(|(_, error)| error).collect();
    Ok(summary)
}

/// A file in `folder` for an asset that is there already, read and hashed but not taken; `None` where there is none that has its
/// name and a plausible size.
///
/// # Errors
/// As [`adopt`].
pub fn find(folder: &Path, item: &Item, observer: &dyn Observer<Event>) -> Result<Option<Other>> {
    let contents = walk::walk(folder, &|name| recognise::names(item.asset).any(|n| n == name))?;
    for candidate in &contents.candidates {
        let itself = candidate.pieces.iter().any(|piece| {
            std::fs::metadata(item.place.file())
                .is_ok_and(|there| base::files::Stat::of(&there).inode == piece.stat.inode)
        });
        if itself || candidate.broken.is_some() || recognise::guess(candidate, &[item]).named.is_empty() {
            continue;
        }
        let task = ProgressTask::begin(observer, start(candidate, &item.asset.name, "verify"));
        let hashes = bring::hash(candidate, &item.demands.checksums, &mut |done| task.at(done, String::new))?;
        return Ok(Some(Other { hashes, size: candidate.size(), source: candidate.source() }));
    }
    Ok(None)
}

pub(super) enum Found<'a> {
    Is(&'a Item<'a>, Brought),
    Wrong(&'a Item<'a>, Fault),
    Unclear(String),
    Nothing,
}

/// Finds out what one file is, and takes it.
struct Adopter<'a> {
    candidate: &'a Candidate,
    known: &'a Known,
    observer: &'a dyn Observer<Event>,
}

impl Adopter<'_> {
    fn run<'i>(&self, items: &[&'i Item<'i>]) -> Result<Found<'i>> {
        let (candidate, guess) = (self.candidate, recognise::guess(self.candidate, items));
        let pick = |indices: &[usize]| -> Vec<&'i Item<'i>> {
            indices.iter().filter_map(|i| items.get(*i).copied()).collect()
        };
        let named = pick(&guess.named);
        if let (Some(why), Some(item)) = (&candidate.broken, named.first()) {
            return Ok(Found::Wrong(item, why.clone().into()));
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
        let fits = |item: &&&Item| recognise::implausible(item, candidate.size()).is_none();
        let plausible: Vec<&Item> = named.iter().filter(fits).copied().collect();
        let by_hash = pick(&guess.by_hash);
        if let ([one], []) = (plausible.as_slice(), by_hash.as_slice()) {
            return self.take(one, None);
        }
        let (demanding, undemanding): (Vec<&Item>, Vec<_>) =
            plausible.iter().chain(&by_hash).copied().partition(|item| !item.demands.checksums.is_empty());
        let mut why = named.first().and_then(|item| recognise::implausible(item, candidate.size()));
        if !demanding.is_empty() {
            let hashes = self.identify(&demanding)?;
            let wrong = |item: &Item| bring::contradicts(&hashes, &item.demands.checksums);
            if let Some(item) = demanding.iter().copied().find(|item| wrong(item).is_none()) {
                return self.take(item, Some(hashes));
            }
            why = why.or_else(|| named.first().and_then(|item| wrong(item)));
        }
        match (undemanding.as_slice(), named.first(), guess.by_size.and_then(|index| items.get(index))) {
            ([one], ..) => self.take(one, None),
            ([_, _, ..], ..) => Ok(Found::Unclear(unclear(&undemanding))),
            ([], Some(item), _) => Ok(Found::Wrong(item, why.map_or_else(|| "it is another file".into(), Fault::from))),
            ([], None, Some(item)) => self.take(item, None),
            ([], None, None) => Ok(Found::Nothing),
        }
    }

    /// What a file is that has the name of some items and the size of a file that is known by its checksum: a checksum beats a name.
    fn by_checksum<'i>(&self, named: &[&'i Item<'i>], items: &[&'i Item<'i>]) -> Result<Option<Found<'i>>> {
        if !self.known.has_size(self.candidate.size()) {
            return Ok(None);
        }
        let hashes = self.identify(items)?;
        let Some(known) = self.known.find(&hashes) else { return Ok(None) };
        match (items.iter().find(|item| item.asset.name == known.name), named.first()) {
            (Some(item), _) => self.take(item, Some(hashes)).map(Some),
            (None, Some(named)) => Ok(Some(Found::Wrong(named, known.into()))),
            (None, None) => Ok(None),
        }
    }

    /// Hashes of the file, of all kinds that the items demand or by which it may be known.
    fn identify(&self, items: &[&Item]) -> Result<Checksums> {
        let task = ProgressTask::begin(self.observer, start(self.candidate, &self.candidate.name, "identify"));
        let (mut kinds, known) = (recognise::kinds(items.iter().copied()), self.known.kinds(self.candidate.size()));
        (kinds.md5, kinds.git_blob) = (kinds.md5.or(known.md5), kinds.git_blob.or(known.git_blob));
        bring::hash(self.candidate, &kinds, &mut |done| task.at(done, String::new))
    }

    fn take<'i>(&self, item: &'i Item<'i>, hashes: Option<Checksums>) -> Result<Found<'i>> {
        if let Some(found) = settled(item, self.candidate) {
            return Ok(found);
        }
        let (name, began) = (item.asset.name.clone(), Instant::now());
        let task = ProgressTask::begin(self.observer, start(self.candidate, &name, "adopt"));
        let work =
            Work { candidate: self.candidate, item, hashes, known: self.known, observer: self.observer, task: &task };
        let brought = work.bring()?;
        drop(task);
        if let Brought::Adopted(receipt) = &brought {
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
            Brought::Refused(why) => Found::Wrong(item, why),
            other => Found::Is(item, other),
        })
    }
}

/// Where nothing is to be done for an item any more, or somebody else must.
fn settled<'i>(item: &'i Item<'i>, candidate: &Candidate) -> Option<Found<'i>> {
    let itself = candidate.pieces.iter().any(|piece| piece.path == item.place.file());
    match item.state {
        State::Good | State::Dropped | State::Unpacked => Some(Found::Is(item, Brought::Present)),
        State::Unverified if !itself => {
            let (there, name) = (item.place.file().display(), &item.asset.name);
            Some(Found::Unclear(format!("{there} is there but was never read: repro verify {name} first")))
        }
        _ if itself => Some(Found::Is(item, Brought::Present)),
        _ => None,
    }
}

fn unclear(items: &[&Item]) -> String {
    let choices: Vec<String> = items
        .iter()
        .map(|item| {
            let folder = item.asset.path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
            format!("`{}` (then put it into a folder `{folder}`)", item.asset.name)
        })
        .collect();
    format!("may be {}", choices.join(" or "))
}

fn start(candidate: &Candidate, name: &str, doing: &str) -> TaskStart {
    TaskStart::new(name, candidate.size(), Unit::Bytes).doing(doing, candidate.source())
}

fn refusal(candidate: &Candidate, item: &Item, fault: &Fault) -> Error {
    let what = format!("{} is not `{}`, as its name says", candidate.source(), item.asset.name);
    let error = match candidate.broken {
        Some(_) => Error::data(what),
        None => Error::checksum(what),
    };
    error.because(&fault.why).next(match &fault.is {
        Some(name) => format!("it was left alone; repro fetch {name} --from DIR takes it as what it is"),
        None => "download it again (it was left alone), or rename it if it is something else".to_owned(),
    })
}

fn paths(candidate: &Candidate) -> impl Iterator<Item = PathBuf> + '_ {
    candidate.pieces.iter().map(|piece| piece.path.clone())
}
