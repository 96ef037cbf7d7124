//! Executes the steps of a plan; each file is claimed while it is worked on.
//!
//! A kill at any moment leaves complete files under their final names, `PATH.part`, which the next run starts from scratch, and
//! unfinished stores, which the next run removes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::PrepareSettings;
use super::check::{Count, counts, coverage, found};
use super::count::unit;
use super::make::MakeRule;
use super::plan::{Lookup, Step, StepState, StepWork, last_of_archive, most_at_a_time, steps};
use super::step_reporter::StepReporter;
use super::summary::PrepareSummary;
use super::unpack::{PreviousFile, unpack};
use assets::claim::{Claim, claim};
use assets::disk;
use assets::event::Event;
use assets::lock::{Demands, Lock};
use assets::manifest::{Asset, Checksums, Made, Manifest, Selection};
use assets::paths::AssetPaths;
use assets::plan::{self, Item};
use assets::receipt::{Glance, Receipt, glance};
use base::error::{Error, Kind, Result};
use base::progress::Observer;
use base::{cleanup, files};
use data::features::ensure_store;

/// Age at which an unfinished small file is abandoned: writing a receipt takes far less.
const ABANDONED_AFTER: Duration = Duration::from_secs(600);

/// Prepares a selection: unpacks, builds, makes, counts. After a failure, which goes into the summary, it continues unless the disk
/// is full.
///
/// # Errors
/// Before anything is done: usage for an unknown name, disk if there is not enough space.
pub fn prepare(
    manifest: &Manifest,
    lock: &Lock,
    selection: &Selection,
    settings: &PrepareSettings,
    observer: &dyn Observer<Event>,
) -> Result<PrepareSummary> {
    let look = Lookup { manifest, lock, settings };
    let plan = steps(manifest, lock, selection, settings)?;
    for folder in [settings.stores(), settings.workspace.join("receipts")] {
        sweep(&folder);
    }
    disk::require_space(&needs(&look, &plan))?;
    let mut run = Execution { job: StepJob { look, observer }, summary: PrepareSummary::default(), broken: Vec::new() };
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

/// A preparation in progress.
struct Execution<'a, 'b> {
    job: StepJob<'a, 'b>,
    summary: PrepareSummary,
    /// Archives that could not be unpacked.
    broken: Vec<&'a str>,
}

impl<'a> Execution<'a, '_> {
    fn step(&mut self, step: &Step<'a>) {
        let name = step.place.name().to_owned();
        let broken: Vec<String> = sources(step).filter(|from| self.broken.contains(from)).map(str::to_owned).collect();
        // Its state may have changed: an earlier step may have made what this one waited for.
        match self.job.look.again(step).state {
            StepState::Done => self.summary.ready.push(name),
            StepState::Waits(assets) => self.summary.waiting.push((name, assets)),
            StepState::ToDo if !broken.is_empty() => self.summary.waiting.push((name, broken)),
            StepState::ToDo => match self.job.work(step) {
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

/// Removes unfinished small files of killed processes.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let unfinished = entry.file_name().as_encoded_bytes().starts_with(b".writing-");
        let age = entry.metadata().and_then(|data| data.modified()).map(|time| time.elapsed().unwrap_or_default());
        if unfinished && age.is_ok_and(|age| age > ABANDONED_AFTER) {
            // Another process may be removing the same files.
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// Returns the bytes that the steps to do add, by folder; only the peak if archives are removed.
fn needs(look: &Lookup, plan: &[Step]) -> Vec<(PathBuf, u64)> {
    let (stores, settings) = (look.settings.stores(), look.settings);
    let to_do = plan.iter().filter(|step| step.state == StepState::ToDo);
    if !settings.drop_archives {
        let both = |step: &Step| [(step.place.file().to_owned(), step.adds), (stores.clone(), step.adds_store)];
        return to_do.flat_map(both).collect();
    }
    let frees = |asset: &Asset| {
        let archive = AssetPaths::new(&settings.workspace, &asset.name, &asset.path);
        fs::metadata(archive.file()).map_or(0, |data| data.len())
    };
    vec![(settings.workspace.clone(), most_at_a_time(plan, |state| *state == StepState::ToDo, frees))]
}

/// Returns the names of the files that a file is made from.
fn sources<'s>(step: &'s Step) -> impl Iterator<Item = &'s str> {
    let from = match &step.work {
        StepWork::Make { made } => made.from.as_slice(),
        _ => &[],
    };
    from.iter().map(String::as_str)
}

#[derive(Clone, Copy)]
struct StepJob<'a, 'b> {
    look: Lookup<'a, 'b>,
    observer: &'b dyn Observer<Event>,
}

impl<'a> StepJob<'a, '_> {
    /// Does one step and returns what was done; `None` if another process has done it meanwhile.
    fn work(self, step: &Step<'a>) -> Result<Option<&'static str>> {
        let reporter = StepReporter::new(self.observer, step.place.name());
        let worked = self.claimed(step, &reporter).map_err(|error| {
            error.while_doing(format!("cannot {} {}", step.work.doing(), step.place.file().display()))
        });
        worked.inspect_err(|error| reporter.failed(error))
    }

    fn claimed(self, step: &Step<'a>, reporter: &StepReporter) -> Result<Option<&'static str>> {
        let claim = claim(&step.place.claim(), &mut |by| reporter.waiting(by))?;
        let step = self.look.again(step);
        if step.state != StepState::ToDo {
            return Ok(None);
        }
        let settings = self.look.settings;
        match &step.work {
            StepWork::Unpack { asset, unpack: entry } => {
                let archive = AssetPaths::new(&settings.workspace, &asset.name, &asset.path);
                unpack(archive.file(), entry, &step.place, settings, reporter)?;
                Ok(Some("unpacked"))
            }
            StepWork::Build { demands, .. } => self.build(&step.place, demands, reporter).map(|()| Some("built")),
            StepWork::Make { made } => self.make(made, &step.place, &claim, reporter).map(|()| Some("made")),
        }
    }

    fn build(self, place: &AssetPaths, demands: &Demands, reporter: &StepReporter) -> Result<()> {
        let (tsv, settings) = (place.file(), self.look.settings);
        let bytes = fs::metadata(tsv).map_err(|error| Error::io("look at", tsv, &error))?.len();
        reporter.started("build", &tsv.display().to_string(), Some(bytes));
        let store = ensure_store(tsv, &settings.stores(), settings.precision, None, reporter)?;
        let sha256 = store.source().sha256.clone();
        if let Some(wanted) = demands.checksums.sha256.as_ref().filter(|wanted| **wanted != sha256) {
            return Err(Error::checksum(format!("{} has the sha256 {sha256}, not {wanted}", tsv.display()))
                .next("remove it, then fetch and prepare it again"));
        }
        if !matches!(glance(place, demands), Glance::Good(_)) {
            let hashes = Checksums { sha256: Some(sha256.clone()), ..Checksums::default() };
            // A file that was only moved or touched keeps its source.
            let before = Receipt::read(place).filter(|before| before.sha256() == sha256);
            let source = before.map_or_else(|| "found at its place".to_owned(), |before| before.source);
            Receipt::new(tsv, hashes, &source)?.write(place)?;
        }
        reporter.done("built", bytes, &sha256);
        Ok(())
    }

    /// Makes the file in a folder `PATH.part`, compares it with the manifest, and moves it to its place.
    fn make(self, made: &Made, place: &AssetPaths, claim: &Claim, reporter: &StepReporter) -> Result<()> {
        let (rule, inputs, origin) = (MakeRule::of(made)?, self.look.inputs(made), self.look.origin(made));
        reporter.started("make", &origin, None);
        let folder = place.part();
        remove(&folder)?;
        let make = || fs::create_dir_all(&folder).map(|()| ((), folder.clone()));
        let ((), _removed) =
            cleanup::temporary(make).map_err(|error| Error::io("create the folder", &folder, &error))?;
        let out = folder.join(place.file().file_name().unwrap_or_default());
        let sha256 = rule.make(made, &inputs, &out).and_then(|()| self.judge(made, &out));
        let sha256 = sha256.inspect_err(|_| drop(remove(&folder)))?;
        let before = PreviousFile::keep(place)?;
        let size = publish(&out, place, &sha256, &origin, claim)?;
        before.settle(&sha256, reporter)?;
        remove(&folder)?;
        reporter.done("made", size, &sha256);
        Ok(())
    }

    /// Returns the SHA-256 of a new file if it agrees with the manifest.
    fn judge(self, made: &Made, out: &Path) -> Result<String> {
        let sha256 = files::sha256(out)?;
        if let Some(wanted) = self.look.known_of(made).sha256.filter(|wanted| *wanted != sha256) {
            return Err(Error::checksum(format!(
                "the file made for {} has the sha256 {sha256}, not {wanted}",
                made.path.display()
            ))
            .because("the published files that it is made from are verified")
            .next("please report this: it is a bug in the manifest or in this program"));
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

    /// Removes an archive if everything in it is unpacked and correct, and returns whether it did. Its receipt stays, with a note.
    fn drop_archive(self, asset: &'a Asset) -> Result<bool> {
        let settings = self.look.settings;
        let item = Item::of(asset, self.look.lock, &settings.workspace);
        if item.state != plan::AssetState::Good {
            return Ok(false);
        }
        let reporter = StepReporter::new(self.observer, &asset.name);
        let _claim = claim(&item.paths.claim(), &mut |by| reporter.waiting(by))?;
        if !is_whole(self.look, asset)? {
            return Ok(false);
        }
        let Some(receipt) = Receipt::read(&item.paths) else { return Ok(false) };
        receipt.dropped_now().write(&item.paths)?;
        remove(item.paths.file())?;
        reporter.note("the archive is removed: everything in it is unpacked".into());
        Ok(true)
    }
}

/// Whether everything in an archive is unpacked and correct, by counts, receipts, sizes and times, so that the archive can be removed.
///
/// # Errors
/// Data if something unpacked cannot be counted.
pub fn is_unpacked<'a>(
    manifest: &'a Manifest,
    lock: &Lock,
    settings: &PrepareSettings,
    asset: &'a Asset,
) -> Result<bool> {
    is_whole(Lookup { manifest, lock, settings }, asset)
}

fn is_whole<'a>(look: Lookup<'a, '_>, asset: &'a Asset) -> Result<bool> {
    for entry in &asset.unpack {
        let place = AssetPaths::unpacked(&look.settings.workspace, asset, entry);
        let is_right = match &entry.expect {
            None => true,
            Some(expect) => found(&place, expect, look.settings)?
                .is_some_and(|found| expect.count.is_none_or(|count| count == found)),
        };
        if !is_right || look.unpack(asset, entry).state != StepState::Done || Receipt::read(&place).is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Moves a finished file to its place and writes its receipt. Returns its size.
fn publish(from: &Path, place: &AssetPaths, sha256: &str, source: &str, claim: &Claim) -> Result<u64> {
    if !claim.still_mine() {
        return Err(Error::infra(format!("another process has taken over {}", place.file().display()))
            .because("this process made no progress for a minute")
            .next("run this again"));
    }
    fs::rename(from, place.file()).map_err(|error| Error::io("write", place.file(), &error))?;
    let hashes = Checksums { sha256: Some(sha256.to_owned()), ..Checksums::default() };
    let receipt = Receipt::new(place.file(), hashes, source)?;
    receipt.write(place)?;
    Ok(receipt.stat.size)
}

/// Removes a file or a folder, if it exists.
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
