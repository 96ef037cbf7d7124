//! The folder of a training's snapshots: when one is due, writing, and which are kept.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Every, Identity, Snapshot, file};
use base::cause::Cause;
use base::error::{Error, Result};
use base::format::human_bytes;
use base::signals::ShutdownGuard;
use checkpoint::StateDict;

/// Snapshots that are kept.
const KEPT: usize = 2;

/// The snapshots of one run.
pub struct Snapshots {
    folder: PathBuf,
    every: Every,
    identity: Identity,
    /// Step and time of the last one.
    last: (u64, Instant),
}

/// What is to be done after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The next step.
    Step,
    /// A snapshot, then the next step.
    Snapshot,
    /// A snapshot, then the end: a signal asked for it.
    Stop,
}

impl Snapshots {
    /// Those in `folder` of the run that `identity` describes.
    pub fn new(folder: PathBuf, every: Every, identity: Identity) -> Self {
        Self { folder, every, identity, last: (0, Instant::now()) }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a run has left any. One of step 0 only says that a run has begun, and does not count.
    ///
    /// # Errors
    /// Where the folder cannot be listed.
    pub fn any(&self) -> Result<bool> {
        Ok(file::list(&self.folder)?.iter().any(|path| !file::is_of_step(path, 0)))
    }

    /// The newest whole one, for going on from; `warn` hears of damaged ones and of what is now different from then without
    /// standing in the way.
    ///
    /// # Errors
    /// Usage where they belong to another run.
    pub fn newest<P: DeserializeOwned>(&mut self, warn: &mut dyn FnMut(&str)) -> Result<Option<Snapshot<P>>> {
        for path in file::list(&self.folder)?.into_iter().rev() {
            match file::read(&path) {
                Ok((snapshot, identity)) => {
                    self.identity.check(&identity, &path, warn)?;
                    self.last = (snapshot.step, Instant::now());
                    return Ok(Some(snapshot));
                }
                Err(error) => warn(&format!("passed over a damaged snapshot: {error}")),
            }
        }
        Ok(None)
    }

    /// What to do after `step` steps.
    pub fn next(&self, step: u64, at_work: &ShutdownGuard) -> Next {
        match at_work.stop_signal() {
            Some(_) => Next::Stop,
            None if self.every.is_due(step - self.last.0.min(step), self.last.1.elapsed()) => Next::Snapshot,
            None => Next::Step,
        }
    }

    /// Writes one and removes the oldest beyond those kept.
    ///
    /// # Errors
    /// Where it cannot be written; those that are there stay.
    pub fn write<P: Serialize>(&mut self, step: u64, position: &P, tensors: &StateDict) -> Result<()> {
        file::write(&self.folder, step, position, &self.identity, tensors)?;
        self.last = (step, Instant::now());
        let all = file::list(&self.folder)?;
        all[..all.len().saturating_sub(KEPT)].iter().try_for_each(|path| remove(path))
    }

    /// Removes all: the run has ended, or begins anew.
    ///
    /// # Errors
    /// Where one cannot be removed.
    pub fn clear(&self) -> Result<()> {
        file::list(&self.folder)?.iter().try_for_each(|path| remove(path))?;
        // Not if something else lies there too.
        let _ = std::fs::remove_dir(&self.folder);
        Ok(())
    }
}

fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(|e| Error::io("remove", path, &e))
}

/// Returns the error of a run that a signal stopped once its snapshot was written.
pub fn stopped(step: u64, folder: &Path, signal: Option<i32>) -> Error {
    Error::interrupted(format!("stopped after step {step}"))
        .with_cause(Cause::Interrupted { signal })
        .because(format!("a signal asked for it; a snapshot is in {}", folder.display()))
        .next("run the same command with --resume")
}

/// What a person is told where a signal comes when nothing is left to do but to write the results.
pub const ENDING: &str = "the run is at its end: writing its results …";

/// What a person is told at the moment when a signal asks for a snapshot of so many bytes.
pub fn writing(bytes: u64) -> String {
    format!("writing a snapshot ({}) …", human_bytes(bytes))
}
