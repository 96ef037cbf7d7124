//! Finds what can go.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::class::{Class, Guard, Item};
use super::places::Places;
use super::published;
use super::walk::{bytes, entries, every, folders, is_inside, name};
use base::error::Result;
use judge::evidence::training::OUTCOME;
use judge::evidence::unfinished::SNAPSHOTS;

/// Files that make a stage worth keeping: what a verdict or a report rests on.
const EVIDENCE: [&str; 4] = ["result.json", OUTCOME, "baselines.json", "assets.json"];
/// Beginnings of the names of what is at work or was left by a kill.
const TEMPORARY: [&str; 4] = [".writing-", ".building-", ".discarded-", ".link-"];
const UNPACKING: &str = ".unpacking";
const PARTIAL_STAGE: &str = ".partial-";
/// A temporary file that changed within this time may be in use on another machine.
const RECENT: Duration = Duration::from_secs(3600);

/// Returns everything that can go, class by class.
///
/// # Errors
/// Data if a receipt or a store's facts contradict what is there.
pub fn find(places: &Places) -> Result<Vec<Item>> {
    let mut items = published::find(places)?;
    items.extend(stages(places.workspace));
    items.extend(trainings(places.workspace));
    items.extend(temporary(places.workspace));
    items.extend(places.cache.map(libtorch).unwrap_or_default());
    items.retain(|item| {
        item.class == Class::Libtorch || item.paths.iter().all(|path| is_inside(places.workspace, path))
    });
    Ok(items)
}

fn item(class: Class, path: PathBuf, guard: Guard) -> Item {
    Item { class, bytes: bytes(&path), paths: vec![path], guard }
}

/// Finished, failed and interrupted stages.
fn stages(workspace: &Path) -> Vec<Item> {
    let runs = folders(&workspace.join("runs"));
    let linked: BTreeSet<PathBuf> = runs.iter().flat_map(|run| links(run)).collect();
    let mut all = Vec::new();
    for stage in folders(&workspace.join("cache/stages")).iter().flat_map(|stage| folders(stage)) {
        if name(&stage).starts_with(PARTIAL_STAGE) {
            // One with snapshots is an interrupted training, which resumes.
            if !stage.join(SNAPSHOTS).is_dir() {
                all.push(item(Class::Failed, stage, Guard::Workspace));
            }
            continue;
        }
        if name(&stage).starts_with('.') {
            continue;
        }
        let is_linked = fs::canonicalize(&stage).is_ok_and(|real| linked.contains(&real));
        if !is_linked || !EVIDENCE.iter().any(|file| stage.join(file).exists()) {
            all.push(item(Class::Cache, stage, Guard::Workspace));
        }
    }
    let failed = runs.iter().flat_map(|run| folders(&run.join("failed")));
    all.extend(failed.map(|stage| item(Class::Failed, stage, Guard::Workspace)));
    all
}

/// What the links in a run's folder lead to.
fn links(run: &Path) -> Vec<PathBuf> {
    let Ok(read) = fs::read_dir(run) else { return Vec::new() };
    read.flatten().filter_map(|entry| fs::canonicalize(entry.path()).ok()).collect()
}

/// Snapshots, wherever trainings lie in the workspace.
fn trainings(workspace: &Path) -> Vec<Item> {
    let mut all = Vec::new();
    for place in ["snap", "runs", "cache/stages"] {
        every(&workspace.join(place), &mut |path, data| {
            if !data.is_dir() || name(path) != SNAPSHOTS {
                return data.is_dir();
            }
            let training = path.parent().unwrap_or(path).to_owned();
            let class = if training.join(OUTCOME).is_file() { Class::Snapshots } else { Class::Unfinished };
            let is_snapshot = |path: &Path| name(path).starts_with("step-") && name(path).ends_with(".safetensors");
            let files: Vec<PathBuf> =
                entries(path).into_iter().map(|(path, _)| path).filter(|path| is_snapshot(path)).collect();
            if !files.is_empty() {
                let bytes = files.iter().map(|path| bytes(path)).sum();
                all.push(Item { class, paths: files, bytes, guard: Guard::Training(training) });
            }
            false
        });
    }
    all
}

/// What commands that were killed had begun to write. Folders of pictures and questions are not looked through.
fn temporary(workspace: &Path) -> Vec<Item> {
    let mut all = Vec::new();
    every(workspace, &mut |path, data| {
        let name = name(path);
        let is_temporary =
            TEMPORARY.iter().any(|mark| name.starts_with(mark)) || name.starts_with('.') && name.ends_with(UNPACKING);
        let is_old =
            data.modified().is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > RECENT));
        if is_temporary && is_old {
            all.push(item(Class::Partial, path.to_owned(), Guard::Workspace));
        }
        !is_temporary
    });
    all
}

fn libtorch(cache: &Path) -> Vec<Item> {
    let is_libtorch = |path: &PathBuf| name(path).starts_with("libtorch-");
    let found = folders(cache).into_iter().filter(is_libtorch);
    found.map(|path| item(Class::Libtorch, path, Guard::Workspace)).collect()
}
