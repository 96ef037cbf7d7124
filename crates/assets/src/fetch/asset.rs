//! Fetches one asset under its claim, unless the correct file is present.

use std::path::Path;
use std::time::Instant;

use super::result::{FetchResult, FetchSettings, Outcome};
use crate::claim::{Claim, claim};
use crate::digest;
use crate::download::hosts::Hosts;
use crate::download::{self, Download, HttpClient, Job};
use crate::event::Event;
use crate::lock::Demands;
use crate::manifest::Asset;
use crate::paths::AssetPaths;
use crate::plan::{AssetState, Item};
use crate::receipt::{Glance, Receipt, glance};
use base::error::{Error, Result};
use base::progress::{Observer, ProgressTask, TaskStart, Unit};

/// Makes sure that the file of an item is present and verified.
pub(super) fn fetch_asset(
    item: &Item,
    web: &HttpClient,
    hosts: &Hosts,
    settings: &FetchSettings,
    observer: &dyn Observer<Event>,
) -> Result<FetchResult> {
    let (asset, paths, demands) = (item.asset, &item.paths, &item.demands);
    let start = Instant::now();
    let name = &asset.name;
    if demands.contradiction {
        return Err(Error::checksum(format!("the pinned sha256 of `{name}` differs from the published one"))
            .because(format!("published: {}", demands.checksums.sha256.as_deref().unwrap_or("none")))
            .next("find out which is right, then remove the pin from the lock file"));
    }
    let done = |outcome: Outcome, receipt: Receipt, transferred: u64| {
        let (size, sha256) = (receipt.stat.size, receipt.sha256().to_owned());
        observer.event(&Event::Done {
            name: name.clone(),
            outcome: match outcome {
                Outcome::Present => "present",
                Outcome::Fetched => "fetched",
            },
            size,
            sha256,
            trust: Some(item.trust),
            seconds: start.elapsed().as_secs_f64(),
            transferred,
        });
        FetchResult { name: name.clone(), outcome, receipt, trust: item.trust }
    };
    if item.state == AssetState::Dropped
        && let Some(receipt) = Receipt::read(paths)
    {
        return Ok(done(Outcome::Present, receipt, 0));
    }
    if item.state == AssetState::Unpacked
        && let Some(first) = asset.unpack.first()
        && let Some(receipt) = Receipt::read(&AssetPaths::unpacked(&settings.workspace, asset, first))
    {
        return Ok(done(Outcome::Present, receipt, 0));
    }
    if let Glance::Good(receipt) = glance(paths, demands) {
        return Ok(done(Outcome::Present, receipt, 0));
    }
    let claim = claimed(name, paths, observer)?;
    // The previous owner of the claim may have fetched it.
    if let Some(receipt) = there(asset, paths, demands, observer)? {
        return Ok(done(Outcome::Present, receipt, 0));
    }
    if asset.urls.is_empty() {
        let error = Error::network(format!("`{name}` must be downloaded by hand"));
        return Err(match download::by_hand(&asset.by_hand) {
            Some(how) => error.next(how),
            None => error,
        });
    }
    let job = Job {
        name,
        paths,
        demands,
        urls: &asset.urls,
        by_hand: &asset.by_hand,
        network: &settings.network,
        hosts,
        observer,
        still_mine: &|| claim.still_mine(),
    };
    let Download { receipt, transferred } = download::download(&job, web)?;
    receipt.write(paths)?;
    Ok(done(Outcome::Fetched, receipt, transferred))
}

/// Fetches an asset from a given source to other paths, to compare it with the content of another source. Replaces a file that
/// is present, and writes no receipt.
///
/// # Errors
/// The errors of [`super::fetch`] for one asset.
pub fn fetch_from(
    asset: &Asset,
    url: &str,
    demands: &Demands,
    paths: &AssetPaths,
    settings: &FetchSettings,
    observer: &dyn Observer<Event>,
) -> Result<Receipt> {
    let claim = claimed(&asset.name, paths, observer)?;
    let job = Job {
        name: &asset.name,
        paths,
        demands,
        urls: &[url.to_owned()],
        by_hand: &[],
        network: &settings.network,
        hosts: &Hosts::of(&[asset]),
        observer,
        still_mine: &|| claim.still_mine(),
    };
    download::download(&job, &HttpClient::new(&settings.network)).map(|arrival| arrival.receipt)
}

fn claimed(name: &str, paths: &AssetPaths, observer: &dyn Observer<Event>) -> Result<Claim> {
    claim(&paths.claim(), &mut |by| {
        let why = format!("{by} is working on it");
        observer.event(&Event::waiting(name, why, None));
    })
}

/// Returns the receipt of the present file if it is correct; moves a wrong file aside.
fn there(
    asset: &Asset,
    paths: &AssetPaths,
    demands: &Demands,
    observer: &dyn Observer<Event>,
) -> Result<Option<Receipt>> {
    let (receipt, known) = match glance(paths, demands) {
        Glance::Missing => return Ok(None),
        Glance::Good(receipt) => return Ok(Some(receipt)),
        Glance::Wrong(receipt, why) => {
            return aside(&asset.name, paths, receipt.sha256(), &why, observer).map(|()| None);
        }
        Glance::Unknown => (read(asset, paths.file(), demands, observer)?, None),
        Glance::Changed(known) => {
            let mut receipt = read(asset, paths.file(), demands, observer)?;
            receipt.source.clone_from(&known.source);
            (receipt, Some(known))
        }
    };
    let wrong = receipt
        .contradicts(demands)
        .or_else(|| demands.size_mismatch(receipt.stat.size))
        // Without a published or pinned checksum, the file must be the one that was first fetched.
        .or_else(|| {
            let known = known.filter(|_| demands.checksums.is_empty())?;
            let differs = known.sha256() != receipt.sha256();
            differs
                .then(|| format!("its sha256 is {}, not {} as when it was fetched", receipt.sha256(), known.sha256()))
        });
    match wrong {
        Some(why) => aside(&asset.name, paths, receipt.sha256(), &why, observer).map(|()| None),
        None => {
            receipt.write(paths)?;
            Ok(Some(receipt))
        }
    }
}

/// Reads a whole file and returns a new receipt.
fn read(asset: &Asset, path: &Path, demands: &Demands, observer: &dyn Observer<Event>) -> Result<Receipt> {
    let wrong = |error| Error::io("look at", path, &error);
    let metadata = std::fs::metadata(path).map_err(wrong)?;
    if !metadata.is_file() {
        return Err(Error::infra(format!("{} is in the way of the file `{}`", path.display(), asset.name))
            .next("move it elsewhere, then run this again"));
    }
    let source = path.display().to_string();
    let start = TaskStart::new(asset.name.as_str(), metadata.len(), Unit::Bytes).doing("verify", source.as_str());
    let task = ProgressTask::begin(observer, start);
    let hashes = digest::hash_file(path, &demands.checksums, &mut |count| task.advance(count))?;
    Receipt::new(path, hashes, &source)
}

fn aside(name: &str, paths: &AssetPaths, sha256: &str, why: &str, observer: &dyn Observer<Event>) -> Result<()> {
    let kept = paths.suspect(sha256);
    std::fs::rename(paths.file(), &kept).map_err(|error| Error::io("move aside", paths.file(), &error))?;
    let text = format!("the present file is wrong ({why}); it is kept as {}", kept.display());
    observer.event(&Event::note(name, text));
    Ok(())
}
