//! The stages that bring the data: they look at the workspace every time, do what is missing, and leave what they
//! found.

use super::inventory::{files, records};
use super::settings::{Settings, inventory_file};
use crate::pipeline::plan::StageContext;
use crate::pipeline::stages::write_json;
use crate::prepare::{self, State, Step};
use assets::adopt;
use assets::fetch::{self, Outcome};
use assets::known::Known;
use assets::lock::Lock;
use assets::plan::plan;
use assets::rate::Meter;
use base::error::Result;
use base::progress::{ProgressTask, TaskStart, Unit};
use judge::evidence::run::ASSETS;

/// Fetches what the tasks need; leaves what is known of each published file.
pub(super) fn fetch(context: &mut StageContext, settings: &Settings) -> Result<()> {
    let (needs, assets) = (settings.needs()?, &settings.assets);
    let selection = needs.selection();
    let steps = prepare::steps(&assets.manifest, &assets.lock, &selection, &settings.prepare())?;
    let fetching = fetch::Settings {
        workspace: settings.workspace.clone(),
        jobs: assets.jobs,
        network: assets.network.clone(),
        also_needed: room(&steps, assets.drop_archives),
    };
    let wanted = assets.manifest.select(&selection)?;
    let observer = (assets.observers)();
    if let Some(folder) = &assets.from {
        // Some people get what an archive holds and not the archive.
        let unpacked = adopt::unpacked(&wanted);
        let mut items = plan(&wanted, &assets.lock, &settings.workspace);
        items.extend(plan(&unpacked.iter().collect::<Vec<_>>(), &Lock::default(), &settings.workspace));
        let adopted = adopt::adopt(folder, &items, &Known::of(&assets.manifest, &assets.lock), &*observer)?;
        context.note(&format!("{} files taken from {}", adopted.adopted.len(), folder.display()));
        for refused in &adopted.refused {
            context.note(&format!("not taken: {}", refused.what()));
        }
    }
    let meter = Meter::new(&*observer);
    let fetched = fetch::fetch(&wanted, &assets.lock, &fetching, &meter)?;
    if let Some(rate) = meter.rate() {
        rate.write(&settings.workspace)?;
    }
    drop(observer);
    let new = fetched.iter().filter(|one| one.outcome == Outcome::Fetched).count();
    context.note(&format!("{} published files, {new} of them fetched now", fetched.len()));
    write_json(&context.output(ASSETS)?, &records(&needs, &assets.lock, &settings.workspace))
}

/// Bytes that preparing needs beside what is fetched: all that it adds, or, where each archive is removed once everything in it
/// is unpacked, the most that there is at a time.
pub(super) fn room(steps: &[Step], drop_archives: bool) -> u64 {
    match drop_archives {
        false => prepare::disk_needed(steps),
        true => prepare::most_at_a_time(steps, |state| *state != State::Done, |asset| asset.likely_size().unwrap_or(0)),
    }
}

/// Unpacks, builds, makes and counts; leaves what each task reads, and what is known of each published file.
pub(super) fn prepare(context: &mut StageContext, settings: &Settings) -> Result<()> {
    let (needs, assets) = (settings.needs()?, &settings.assets);
    let (manifest, lock, workspace) = (&assets.manifest, &assets.lock, &settings.workspace);
    let observer = (assets.observers)();
    let summary = prepare::prepare(manifest, lock, &needs.selection(), &settings.prepare(), &*observer)?;
    context.note(&format!("{} files prepared, {} ready before", summary.prepared.len(), summary.ready.len()));
    for count in &summary.counts {
        if let Some(found) = count.found {
            context.note(&format!("{}: {found} {}", count.what, count.unit));
        }
    }
    summary.verdict()?;
    for task in needs.tasks() {
        let reading =
            ProgressTask::begin(&*observer, TaskStart::new(format!("reading the files of {task}"), None, Unit::Bytes));
        let inventory = files(&needs, task, lock, workspace, &mut |bytes| reading.advance(bytes))?;
        write_json(&context.output(&inventory_file(task))?, &inventory)?;
    }
    write_json(&context.output(ASSETS)?, &records(&needs, lock, workspace))
}
