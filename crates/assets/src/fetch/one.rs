//! One asset under its claim: what is there is looked at, and only what is missing or wrong is fetched.

use std::path::Path;
use std::time::Instant;

use super::fetched::{Fetched, Outcome, Settings};
use crate::claim::{Claim, claim};
use crate::digest;
use crate::download::hosts::Hosts;
use crate::download::{self, Arrival, Job, Web};
use crate::event::Event;
use crate::lock::Demands;
use crate::manifest::Asset;
use crate::place::Place;
use crate::plan::{Item, State};
use crate::receipt::{Glance, Receipt, glance};
use base::error::{Error, Result};
use base::progress::{Observer, ProgressTask, TaskStart, Unit};

/// Sees to it that the file is there.
pub(super) fn one(
    item: &Item,
    web: &Web,
    hosts: &Hosts,
    settings: &Settings,
    observer: &dyn Observer<Event>,
) -> Result<Fetched> {
    let (asset, place, demands) = (item.asset, &item.place, &item.demands);
    let start = Instant::now();
    let name = &asset.name;
    if demands.contradiction {
        return Err(Error::checksum(format!("`{name}` is pinned as something else than its published sha256"))
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
        Fetched { name: name.clone(), outcome, receipt, trust: item.trust }
    };
    if item.state == State::Dropped
        && let Some(receipt) = Receipt::read(place)
    {
        return Ok(done(Outcome::Present, receipt, 0));
    }
    if item.state == State::Unpacked
        && let Some(first) = asset.unpack.first()
        && let Some(receipt) = Receipt::read(&Place::unpacked(&settings.workspace, asset, first))
    {
        return Ok(done(Outcome::Present, receipt, 0));
    }
    if let Glance::Good(receipt) = glance(place, demands) {
        return Ok(done(Outcome::Present, receipt, 0));
    }
    let claim = claimed(name, place, observer)?;
    // Whoever held the claim until now may have brought it.
    if let Some(receipt) = there(asset, place, demands, observer)? {
        return Ok(done(Outcome::Present, receipt, 0));
    }
    if asset.urls.is_empty() {
        let error = Error::network(format!("`{name}` cannot be fetched by a program"));
        return Err(match download::by_hand(&asset.by_hand) {
            Some(how) => error.next(how),
            None => error,
        });
    }
    let job = Job {
        name,
        place,
        demands,
        urls: &asset.urls,
        by_hand: &asset.by_hand,
        network: &settings.network,
        hosts,
        observer,
        still_mine: &|| claim.still_mine(),
    };
    let Arrival { receipt, transferred } = download::download(&job, web)?;
    receipt.write(place)?;
    Ok(done(Outcome::Fetched, receipt, transferred))
}

/// Fetches an asset from one given source to a place of its own, to compare it with what another source gave. A file that
/// is there already is replaced; no receipt is kept.
///
/// # Errors
/// As [`super::fetch`] for one asset.
pub fn fetch_from(
    asset: &Asset,
    url: &str,
    demands: &Demands,
    place: &Place,
    settings: &Settings,
    observer: &dyn Observer<Event>,
) -> Result<Receipt> {
    let claim = claimed(&asset.name, place, observer)?;
    let job = Job {
        name: &asset.name,
        place,
        demands,
        urls: &[url.to_owned()],
        by_hand: &[],
        network: &settings.network,
        hosts: &Hosts::of(&[asset]),
        observer,
        still_mine: &|| claim.still_mine(),
    };
    download::download(&job, &Web::new(&settings.network)).map(|arrival| arrival.receipt)
}

fn claimed(name: &str, place: &Place, observer: &dyn Observer<Event>) -> Result<Claim> {
    claim(&place.claim(), &mut |by| {
        let why = format!("{by} is at work on it");
        observer.event(&Event::waiting(name, why, None));
    })
}

/// The file that is there, if it is right; one that is wrong is moved aside.
fn there(asset: &Asset, place: &Place, demands: &Demands, observer: &dyn Observer<Event>) -> Result<Option<Receipt>> {
    let (receipt, known) = match glance(place, demands) {
        Glance::Missing => return Ok(None),
        Glance::Good(receipt) => return Ok(Some(receipt)),
        Glance::Wrong(receipt, why) => {
            return aside(&asset.name, place, receipt.sha256(), &why, observer).map(|()| None);
        }
        Glance::Unknown => (read(asset, place.file(), demands, observer)?, None),
        Glance::Changed(known) => {
            let mut receipt = read(asset, place.file(), demands, observer)?;
            receipt.source.clone_from(&known.source);
            (receipt, Some(known))
        }
    };
    let wrong = receipt
        .contradicts(demands)
        .or_else(|| demands.size_fault(receipt.stat.size))
        // Where nothing is published or pinned, what it was when it came is all that is known of it.
        .or_else(|| {
            let known = known.filter(|_| demands.checksums.is_empty())?;
            let differs = known.sha256() != receipt.sha256();
            differs.then(|| format!("its sha256 is {}, not {} as when it came", receipt.sha256(), known.sha256()))
        });
    match wrong {
        Some(why) => aside(&asset.name, place, receipt.sha256(), &why, observer).map(|()| None),
        None => {
            receipt.write(place)?;
            Ok(Some(receipt))
        }
    }
}

/// Reads a file whole.
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

fn aside(name: &str, place: &Place, sha256: &str, why: &str, observer: &dyn Observer<Event>) -> Result<()> {
    let kept = place.suspect(sha256);
    std::fs::rename(place.file(), &kept).map_err(|error| Error::io("move aside", place.file(), &error))?;
    let text = format!("what was there is not the file ({why}): kept as {}", kept.display());
    observer.event(&Event::note(name, text));
    Ok(())
}
