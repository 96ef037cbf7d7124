//! Doing the steps of a plan, each file claimed while it is worked on.
//!
//! Whatever is killed at whatever moment leaves: files under their final names, whole; `PATH.part`, which the next run
//! begins anew; unfinished stores, which the next one removes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Settings;
use super::check::{Count, counts, coverage, found};
use super::count::unit;
use super::make::Rule;
use super::plan::{Look, State, Step, Work, last_of_archive, most_at_a_time, steps};
use super::summary::Summary;
use super::tell::Teller;
use super::unpack::{Before, unpack};
use assets::claim::{Claim, claim};
use assets::disk;
use assets::event::Event;
use assets::lock::{Demands, Lock};
use assets::manifest::{Asset, Checksums, Made, Manifest, Selection};
use assets::place::Place;
use assets::plan::{self, Item};
use assets::receipt::{Glance, Receipt, glance};
use base::error::{Error, Kind, Result};
use base::progress::Observer;
use base::{cleanup, files};
use data::features::ensure_store;

/// Nobody takes so long to write a receipt.
const ABANDONED_AFTER: Duration = Duration::from_secs(600);

/// Prepares a selection: unpacks, builds, makes, counts. Goes on after a failure, which the summary holds, but for a
/// full disk.
///
/// # Errors
/// Before anything is done: usage for a name that is not there, disk where there is too little room for all of it.
pub fn prepare(
    manifest: &Manifest,
    lock: &Lock,
    selection: &Selection,
    settings: &Settings,
    observer: &dyn Observer<Event>,
) -> Result<Summary> {
    let look = Look { manifest, lock, settings };
    let plan = steps(manifest, lock, selection, settings)?;
    for folder in [settings.stores(), settings.workspace.join("receipts")] {
        sweep(&folder);
    }
    disk::demand(&needs(&look, &plan))?;
    let mut run = Run { job: Job { look, observer }, summary: Summary::default(), broken: Vec::new() };
    for (index, step) in plan.iter().enumerate() {
        run.step(step);
        if let Some(asset) = last_of_archive(&plan, index).filter(|_| settings.drop_archives) {
            run.drop_archive(asset);
        }
        if run.summary.failures.iter().any(|error| error.kind() == Kind::Disk) {
            return Ok(run.summary);
        }
    }
    let mut summary = run.summary;
    let (counts, wrong) = counts(manifest, selection, settings)?;
    let (coverage, lost) = coverage(manifest, selection, settings)?;
    (summary.counts, summary.coverage) = (counts, coverage);
    summary.failures.extend(wrong.into_iter().chain(lost));
    Ok(summary)
}

/// A preparation on its way.
struct Run<'a, 'b> {
    job: Job<'a, 'b>,
    summary: Summary,
    /// Archives that could not be unpacked.
    broken: Vec<&'a str>,
}

impl<'a> Run<'a, '_> {
    fn step(&mut self, step: &Step<'a>) {
        let name = step.place.name().to_owned();
        let broken: Vec<String> = sources(step).filter(|from| self.broken.contains(from)).map(str::to_owned).collect();
        // Looked up anew: what an earlier step made may be what this one waited for.
        match self.job.look.again(step).state {
            State::Done => self.summary.ready.push(name),
            State::Waits(assets) => self.summary.waiting.push((name, assets)),
            State::ToDo if !broken.is_empty() => self.summary.waiting.push((name, broken)),
            State::ToDo => match self.job.work(step) {
                Ok(None) => self.summary.ready.push(name),
                Ok(Some(outcome)) => self.summary.prepared.push((name, outcome)),
                Err(error) => {
                    self.summary.failures.push(error);
                    self.broken.extend(step.archive().map(|asset| asset.name.as_str()));
                }
            },
        }
    }

    fn drop_archive(&mut self, asset: &'a Asset) {
        match self.job.drop_archive(asset) {
            Ok(true) => self.summary.dropped.push(asset.name.clone()),
            Ok(false) => {}
            Err(error) => self.summary.failures.push(error),
        }
    }
}

/// Removes small files that killed processes had not finished writing.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let unfinished = entry.file_name().as_encoded_bytes().starts_with(b".writing-");
        let age = entry.metadata().and_then(|data| data.modified()).map(|time| time.elapsed().unwrap_or_default());
        if unfinished && age.is_ok_and(|age| age > ABANDONED_AFTER) {
            // Whoever else sweeps has the same in mind.
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// What the steps that can be done now add, by folder. Where archives are dropped, only the most that is there at a
/// time.
fn needs(look: &Look, plan: &[Step]) -> Vec<(PathBuf, u64)> {
    let (stores, settings) = (look.settings.stores(), look.settings);
    let to_do = plan.iter().filter(|step| step.state == State::ToDo);
    if !settings.drop_archives {
        let both = |step: &Step| [(step.place.file().to_owned(), step.adds), (stores.clone(), step.adds_store)];
        return to_do.flat_map(both).collect();
    }
    let frees = |asset: &Asset| {
        let archive = Place::new(&settings.workspace, &asset.name, &asset.path);
        fs::metadata(archive.file()).map_or(0, |data| data.len())
    };
    vec![(settings.workspace.clone(), most_at_a_time(plan, |state| *state == State::ToDo, frees))]
}

/// What a file is made from.
fn sources<'s>(step: &'s Step) -> impl Iterator<Item = &'s str> {
    let from = match &step.work {
        Work::Make { made } => made.from.as_slice(),
        _ => &[],
    };
    from.iter().map(String::as_str)
}

#[derive(Clone, Copy)]
struct Job<'a, 'b> {
    look: Look<'a, 'b>,
    observer: &'b dyn Observer<Event>,
}

impl<'a> Job<'a, '_> {
    /// Does one step; what was done, or `None` where another process has done it meanwhile.
    fn work(self, step: &Step<'a>) -> Result<Option<&'static str>> {
        let teller = Teller::new(self.observer, step.place.name());
        let worked = self.claimed(step, &teller).map_err(|error| {
            error.while_doing(format!("cannot {} {}", step.work.doing(), step.place.file().display()))
        });
        worked.inspect_err(|error| teller.failed(error))
    }

    fn claimed(self, step: &Step<'a>, teller: &Teller) -> Result<Option<&'static str>> {
        let claim = claim(&step.place.claim(), &mut |by| teller.waiting(by))?;
        let step = self.look.again(step);
        if step.state != State::ToDo {
            return Ok(None);
        }
        let settings = self.look.settings;
        match &step.work {
            Work::Unpack { asset, unpack: entry } => {
                let archive = Place::new(&settings.workspace, &asset.name, &asset.path);
                unpack(archive.file(), entry, &step.place, settings, teller)?;
                Ok(Some("unpacked"))
            }
            Work::Build { demands, .. } => self.build(&step.place, demands, teller).map(|()| Some("built")),
            Work::Make { made } => self.make(made, &step.place, &claim, teller).map(|()| Some("made")),
        }
    }

    fn build(self, place: &Place, demands: &Demands, teller: &Teller) -> Result<()> {
        let (tsv, settings) = (place.file(), self.look.settings);
        let bytes = fs::metadata(tsv).map_err(|error| Error::io("look at", tsv, &error))?.len();
        teller.started("build", &tsv.display().to_string(), Some(bytes));
        let store = ensure_store(tsv, &settings.stores(), settings.precision, None, teller)?;
        let sha256 = store.source().sha256.clone();
        if let Some(wanted) = demands.checksums.sha256.as_ref().filter(|wanted| **wanted != sha256) {
            return Err(Error::checksum(format!("{} has the sha256 {sha256}, not {wanted}", tsv.display()))
                .next("remove it, then fetch and prepare it again"));
        }
        if !matches!(glance(place, demands), Glance::Good(_)) {
            let hashes = Checksums { sha256: Some(sha256.clone()), ..Checksums::default() };
            // Moved or touched, the same bytes come from where they came from.
            let before = Receipt::read(place).filter(|before| before.sha256() == sha256);
            let source = before.map_or_else(|| "found at its place".to_owned(), |before| before.source);
            Receipt::new(tsv, hashes, &source)?.write(place)?;
        }
        teller.done("built", bytes, &sha256);
        Ok(())
    }

    /// Makes the file in a folder `PATH.part`, compares it with what the manifest knows, and puts it in its place.
    fn make(self, made: &Made, place: &Place, claim: &Claim, teller: &Teller) -> Result<()> {
        let (rule, inputs, origin) = (Rule::of(made)?, self.look.inputs(made), self.look.origin(made));
        teller.started("make", &origin, None);
        let folder = place.part();
        remove(&folder)?;
        let make = || fs::create_dir_all(&folder).map(|()| ((), folder.clone()));
        let ((), _removed) =
            cleanup::temporary(make).map_err(|error| Error::io("create the folder", &folder, &error))?;
        let out = folder.join(place.file().file_name().unwrap_or_default());
        let sha256 = rule.make(made, &inputs, &out).and_then(|()| self.judge(made, &out));
        let sha256 = sha256.inspect_err(|_| drop(remove(&folder)))?;
        let before = Before::keep(place)?;
        let size = publish(&out, place, &sha256, &origin, claim)?;
        before.settle(&sha256, teller)?;
        remove(&folder)?;
        teller.done("made", size, &sha256);
        Ok(())
    }

    /// The SHA-256 of a file just made, if it is what the manifest says.
    fn judge(self, made: &Made, out: &Path) -> Result<String> {
        let sha256 = files::sha256(out)?;
        if let Some(wanted) = self.look.known_of(made).sha256.filter(|wanted| *wanted != sha256) {
            return Err(Error::checksum(format!(
                "what is made for {} has the sha256 {sha256}, not {wanted}",
                made.path.display()
            ))
            .because("the published files that it is made from are verified")
            .next("this is a mistake in the manifest or in this program: please report it"));
        }
        if let Some(expect) = &made.expect {
            let found = super::count::count(out, &expect.kind)?;
            let what = made.path.display().to_string();
            let count = Count { what, unit: unit(&expect.kind), expected: expect.count, found };
            if let Some(error) = count.error() {
                return Err(error);
            }
        }
        Ok(sha256)
    }

    /// Removes an archive if everything in it is unpacked and right; whether it did. Its receipt stays, with a note.
    fn drop_archive(self, asset: &'a Asset) -> Result<bool> {
        let settings = self.look.settings;
        let item = Item::of(asset, self.look.lock, &settings.workspace);
        if item.state != plan::State::Good {
            return Ok(false);
        }
        let teller = Teller::new(self.observer, &asset.name);
        let _claim = claim(&item.place.claim(), &mut |by| teller.waiting(by))?;
        if !is_whole(self.look, asset)? {
            return Ok(false);
        }
        let Some(receipt) = Receipt::read(&item.place) else { return Ok(false) };
        receipt.dropped_now().write(&item.place)?;
        remove(item.place.file())?;
        teller.note("the archive is removed: everything in it is unpacked".into());
        Ok(true)
    }
}

/// Whether everything in an archive is unpacked and right, by counts, receipts, sizes and times: then the archive can go.
///
/// # Errors
/// Data if something unpacked cannot be counted.
pub fn is_unpacked<'a>(manifest: &'a Manifest, lock: &Lock, settings: &Settings, asset: &'a Asset) -> Result<bool> {
    is_whole(Look { manifest, lock, settings }, asset)
}

fn is_whole<'a>(look: Look<'a, '_>, asset: &'a Asset) -> Result<bool> {
    for entry in &asset.unpack {
        let place = Place::unpacked(&look.settings.workspace, asset, entry);
        let is_right = match &entry.expect {
            None => true,
            Some(expect) => found(&place, expect, look.settings)?
                .is_some_and(|found| expect.count.is_none_or(|count| count == found)),
        };
        if !is_right || look.unpack(asset, entry).state != State::Done || Receipt::read(&place).is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts a finished file in its place and notes what is known of it. Returns its size.
fn publish(from: &Path, place: &Place, sha256: &str, source: &str, claim: &Claim) -> Result<u64> {
    if !claim.still_mine() {
        return Err(Error::infra(format!("another process has taken over {}", place.file().display()))
            .because("this one stood still for a minute")
            .next("run this again"));
    }
    fs::rename(from, place.file()).map_err(|error| Error::io("write", place.file(), &error))?;
    let hashes = Checksums { sha256: Some(sha256.to_owned()), ..Checksums::default() };
    let receipt = Receipt::new(place.file(), hashes, source)?;
    receipt.write(place)?;
    Ok(receipt.stat.size)
}

/// Removes a file or a folder that may not be there.
fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Err(error) => Err(error),
        Ok(data) if data.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, &error)),
        _ => Ok(()),
    }
}
