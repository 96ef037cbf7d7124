//! The stages that fetch and prepare the data. They check the workspace every time, add what is missing, and write down what they
//! found.

use super::inventory::{files, records};
use super::settings::{PaperSettings, inventory_file};
use crate::pipeline::plan::StageContext;
use crate::pipeline::stages::write_json;
use crate::prepare::{self, Step, StepState};
use assets::adopt;
use assets::fetch::{self, Outcome};
use assets::known_files::KnownFiles;
use assets::lock::Lock;
use assets::plan::plan;
use assets::rate::RateMeter;
use base::error::Result;
use base::progress::{ProgressTask, TaskStart, Unit};
use judge::evidence::run::ASSETS;

/// Fetches what the tasks need, and writes what is known of each published file.
pub(super) fn fetch(context: &mut StageContext, settings: &PaperSettings) -> Result<()> {
    let (needs, assets) = (settings.needs()?, &settings.assets);
    let selection = needs.selection();
    let steps = prepare::steps(&assets.manifest, &assets.lock, &selection, &settings.prepare())?;
    let fetching = fetch::FetchSettings {
        workspace: settings.workspace.clone(),
        jobs: assets.jobs,
        network: assets.network.clone(),
        also_needed: room(&steps, assets.drop_archives),
    };
    let wanted = assets.manifest.select(&selection)?;
    let observer = (assets.observers)();
    if let Some(folder) = &assets.from {
        // Some people have the content of an archive instead of the archive.
        let unpacked = adopt::unpacked(&wanted);
        let mut items = plan(&wanted, &assets.lock, &settings.workspace);
        items.extend(plan(&unpacked.iter().collect::<Vec<_>>(), &Lock::default(), &settings.workspace));
        let adopted = adopt::adopt(folder, &items, &KnownFiles::of(&assets.manifest, &assets.lock), &*observer)?;
        context.note(&format!("{} files taken from {}", adopted.adopted.len(), folder.display()));
        for refused in &adopted.refused {
            context.note(&format!("refused: {}", refused.what()));
        }
    }
    let meter = RateMeter::new(&*observer);
    let fetched = fetch::fetch(&wanted, &assets.lock, &fetching, &meter)?;
    if let Some(rate) = meter.rate() {
        rate.write(&settings.workspace)?;
    }
    drop(observer);
    let new = fetched.iter().filter(|one| one.outcome == Outcome::Fetched).count();
    context.note(&format!("{} published files, {new} of them fetched now", fetched.len()));
    write_json(&context.output(ASSETS)?, &records(&needs, &assets.lock, &settings.workspace))
}

/// Returns the bytes that preparing needs besides the fetched files: all that it adds, or the peak if each archive is removed after
/// unpacking.
pub(super) fn room(steps: &[Step], drop_archives: bool) -> u64 {
    match drop_archives {
        false => prepare::disk_needed(steps),
        true => {
            prepare::most_at_a_time(steps, |state| *state != StepState::Done, |asset| asset.likely_size().unwrap_or(0))
        }
    }
}

/// Unpacks, builds, processes and counts. Writes the inventory of each task, and what is known of each published file.
pub(super) fn prepare(context: &mut StageContext, settings: &PaperSettings) -> Result<()> {
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
