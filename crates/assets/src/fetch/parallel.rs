//! Fetches the files of a plan with several threads, and summarizes the failures.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{FetchResult, FetchSettings, asset};
use crate::disk;
use crate::download::HttpClient;
use crate::download::hosts::{ADVICE, Hosts, name};
use crate::event::Event;
use crate::lock::Lock;
use crate::manifest::Asset;
use crate::plan::{Item, plan};
use base::error::{Error, Kind, Result};
use base::exit;
use base::format::human_bytes;
use base::progress::Observer;
use base::signals::{self, ShutdownGuard};

/// Fetches the assets in order, `jobs` at a time, and returns the results in the same order. Each failure is reported as
/// [`Event::Failed`], and the other assets are still fetched; only a full disk stops everything.
///
/// # Errors
/// Disk before the first byte if there is not enough space for all. Otherwise, once every asset was tried: the error of the
/// only failed asset, or an error of the worst kind that names all of them (checksum before disk before network).
pub fn fetch(
    assets: &[&Asset],
    lock: &Lock,
    settings: &FetchSettings,
    observer: &dyn Observer<Event>,
) -> Result<Vec<FetchResult>> {
    // When the program is asked to stop, claims are released and partial files kept.
    let _shutdown = ShutdownGuard::begin()?;
    let items = plan(assets, lock, &settings.workspace);
    check_disk(&items, settings)?;
    let hosts = Hosts::of(assets);
    let (next, full) = (AtomicUsize::new(0), AtomicBool::new(false));
    let ended = Mutex::new(Vec::with_capacity(items.len()));
    let work = || {
        let web = HttpClient::new(&settings.network);
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index).filter(|_| signals::check().is_ok()) else { return };
            let result = match full.load(Ordering::Relaxed) {
                true => Err(not_started(item)),
                false => asset::fetch_asset(item, &web, &hosts, settings, observer),
            };
            if let Err(error) = &result
                && error.kind() != Kind::Interrupted
            {
                full.fetch_or(error.kind() == Kind::Disk, Ordering::Relaxed);
                let (name, error, class) = (item.asset.name.clone(), error.to_string(), exit::class(error));
                let said = hosts.has_lost(&name);
                observer.event(&Event::Failed { name, error, class, said });
            }
            ended.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    std::thread::scope(|scope| {
        let more = settings.jobs.min(items.len()).saturating_sub(1);
        // If a thread cannot be started, fewer threads do the same work.
        let started = (0..more).try_for_each(|number| {
            let thread = std::thread::Builder::new().name(format!("fetch {number}"));
            thread.spawn_scoped(scope, work).map(|_| ())
        });
        started.ok();
        work();
    });
    let mut ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    ended.sort_by_key(|(index, _)| *index);
    signals::check().map_err(|asked| {
        Error::from(asked).next("run the same command again: it resumes and keeps what has arrived")
    })?;
    sum_up(ended.into_iter().map(|(index, result)| (items[index].asset, result)).collect(), &hosts)
}

/// Checks that there is space for everything that is missing, as far as sizes are known.
fn check_disk(items: &[Item], settings: &FetchSettings) -> Result<()> {
    let coming = |item: &Item| (item.paths.file().to_owned(), item.remaining().unwrap_or(0));
    let mut needs: Vec<_> = items.iter().filter(|item| item.has_source()).map(coming).collect();
    needs.push((settings.workspace.clone(), settings.also_needed));
    needs.retain(|(_, bytes)| *bytes > 0);
    disk::require_space(&needs).map_err(|error| match settings.also_needed {
        0 => error,
        more => error.because(format!(
            "{} of that are for preparing the files; --download-only does not count them",
            human_bytes(more)
        )),
    })
}

fn not_started(item: &Item) -> Error {
    Error::disk(format!("`{}` was not fetched", item.asset.name))
        .because("the disk was full")
        .next("free some space and run this again: complete files are kept")
}

/// Returns all results, or one error for all failures.
fn sum_up(results: Vec<(&Asset, Result<FetchResult>)>, hosts: &Hosts) -> Result<Vec<FetchResult>> {
    let all = results.len();
    let (mut good, mut failed) = (Vec::new(), Vec::new());
    for (asset, result) in results {
        match result {
            Ok(fetched) => good.push(fetched),
            Err(error) => failed.push((asset, error)),
        }
    }
    if failed.len() < 2 {
        return failed.pop().map_or(Ok(good), |(_, error)| Err(error));
    }
    let what = format!("{} of {all} files could not be fetched", failed.len());
    let sum = match failed.iter().map(|(_, error)| error.kind()).max_by_key(|kind| severity(*kind)) {
        Some(Kind::Bug) => Error::bug(what),
        Some(Kind::Checksum) => Error::checksum(what),
        Some(Kind::Disk) => Error::disk(what),
        Some(Kind::Data) => Error::data(what),
        Some(Kind::Network) => Error::network(what),
        _ => Error::infra(what),
    };
    // One line per unreachable host, for the files that only such hosts have.
    let (lost, others): (Vec<_>, Vec<_>) = failed.iter().partition(|(asset, _)| hosts.has_lost(&asset.name));
    let sum = others.iter().fold(sum, |sum, (_, error)| sum.because(error.what()));
    let sum = hosts.lost().iter().fold(sum, |sum, (host, why)| {
        let here = |asset: &Asset| asset.urls.iter().find_map(|url| name(url)).is_some_and(|first| first == *host);
        let count = lost.iter().filter(|(asset, _)| here(asset)).count();
        let files = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
        if count == 0 { sum } else { sum.because(format!("{host} ({files}): {why}")) }
    });
    Err(sum.next(match others.is_empty() {
        true => ADVICE,
        false => "follow the advice for each file above, then run this again: complete files are kept",
    }))
}

/// Returns the severity of an error; the user should look at the greatest one first.
fn severity(kind: Kind) -> u8 {
    match kind {
        Kind::Usage | Kind::Network => 0,
        Kind::Infra => 1,
        Kind::Data => 2,
        Kind::Disk => 3,
        Kind::Checksum => 4,
        Kind::Bug | Kind::Interrupted => 5,
    }
}
