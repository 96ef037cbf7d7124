//! Finds the folders that a run, a training or an evaluation wrote.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base::error::{Error, Result};
use judge::evidence::journal::RUN;
use judge::evidence::result::FILE as RESULT;
use judge::evidence::training::{METRICS, OUTCOME};
use judge::evidence::unfinished::SNAPSHOTS;

/// Folders below a given one that are looked through; workspaces are flat, and data may be deep.
const DEPTH: usize = 6;

/// A folder that something was written into, or one that cannot be read.
#[derive(Debug)]
pub(super) struct Candidate {
    pub path: PathBuf,
    pub holds: Result<Holds>,
}

/// What kind of folder it is, by the names of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// A run of `repro all`.
    Run,
    /// An evaluation.
    Evaluation,
    /// A training that has ended.
    Outcome,
    /// A training that has not ended.
    Unfinished,
}

/// Adds the folders at and below `folder`. Follows no link, so that nothing is found twice or outside.
pub(super) fn below(folder: &Path, found: &mut Vec<Candidate>) {
    visit(folder, DEPTH, found);
}

fn visit(folder: &Path, depth: usize, found: &mut Vec<Candidate>) {
    let (files, folders) = match contents(folder) {
        Ok(contents) => contents,
        Err(error) => return found.push(Candidate { path: folder.to_owned(), holds: Err(error) }),
    };
    let holds = holds(&files, &folders);
    if let Some(holds) = holds {
        found.push(Candidate { path: folder.to_owned(), holds: Ok(holds) });
    }
    // The folders of a run are its stages; finished stages in the cache belong to runs.
    if holds == Some(Holds::Run) || folders.contains("stages") || depth == 0 {
        return;
    }
    for name in folders.iter().filter(|name| *name != SNAPSHOTS && !name.starts_with('.')) {
        visit(&folder.join(name), depth - 1, found);
    }
}

fn holds(files: &BTreeSet<String>, folders: &BTreeSet<String>) -> Option<Holds> {
    let has = |name: &str| files.contains(name);
    if has(RUN) {
        Some(Holds::Run)
    } else if has(RESULT) {
        Some(Holds::Evaluation)
    } else if has(OUTCOME) {
        Some(Holds::Outcome)
    } else if folders.contains(SNAPSHOTS) || has(METRICS) {
        Some(Holds::Unfinished)
    } else {
        None
    }
}

/// Names of the files, and of the folders that are no links.
fn contents(folder: &Path) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let failed = |e: std::io::Error| Error::io("list", folder, &e);
    let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // What is not UTF-8 was not written by this program.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.file_type().map_err(failed)?.is_dir() {
            folders.insert(name);
        } else {
            files.insert(name);
        }
    }
    Ok((files, folders))
}
