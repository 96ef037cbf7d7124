//! The folder of a run's snapshots: decides when one is due, writes them, and removes old ones.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{RunIdentity, Snapshot, SnapshotInterval, file};
use base::cause::Cause;
use base::error::{Error, Result};
use base::format::human_bytes;
use base::signals::ShutdownGuard;
use checkpoint::StateDict;

/// Number of snapshots that are kept.
const KEPT: usize = 2;

/// The snapshots of one run.
pub struct Snapshots {
    folder: PathBuf,
    every: SnapshotInterval,
    identity: RunIdentity,
    /// Step and time of the last snapshot.
    last: (u64, Instant),
}

/// What to do after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterStep {
    /// Take the next step.
    Step,
    /// Write a snapshot, then take the next step.
    Snapshot,
    /// Write a snapshot and stop, because a signal asked for it.
    Stop,
}

impl Snapshots {
    /// Returns the snapshots in `folder` of the run `identity`. Reads nothing yet.
    pub fn new(folder: PathBuf, every: SnapshotInterval, identity: RunIdentity) -> Self {
        Self { folder, every, identity, last: (0, Instant::now()) }
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there are snapshots. That of step 0 does not count: it only shows that a run has started.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn any(&self) -> Result<bool> {
        Ok(file::list(&self.folder)?.iter().any(|path| !file::is_of_step(path, 0)))
    }

    /// Reads the newest undamaged snapshot, to resume from; `None` if there is none. Calls `warn` for each damaged one, and if the
    /// machine differs from the snapshot's.
    ///
    /// # Errors
    /// Usage if the snapshot belongs to another run.
    pub fn newest<P: DeserializeOwned>(&mut self, warn: &mut dyn FnMut(&str)) -> Result<Option<Snapshot<P>>> {
        for path in file::list(&self.folder)?.into_iter().rev() {
            match file::read(&path) {
                Ok((snapshot, identity)) => {
                    self.identity.check(&identity, &path, warn)?;
                    self.last = (snapshot.step, Instant::now());
                    return Ok(Some(snapshot));
                }
                Err(error) => warn(&format!("skipped a damaged snapshot: {error}")),
            }
        }
        Ok(None)
    }

    /// Returns what to do after `step` steps.
    pub fn next(&self, step: u64, at_work: &ShutdownGuard) -> AfterStep {
        match at_work.stop_signal() {
            Some(_) => AfterStep::Stop,
            None if self.every.is_due(step - self.last.0.min(step), self.last.1.elapsed()) => AfterStep::Snapshot,
            None => AfterStep::Step,
        }
    }

    /// Writes a snapshot and removes all but the newest two.
    ///
    /// # Errors
    /// If the file cannot be written; the existing snapshots stay.
    pub fn write<P: Serialize>(&mut self, step: u64, position: &P, tensors: &StateDict) -> Result<()> {
        file::write(&self.folder, step, position, &self.identity, tensors)?;
        self.last = (step, Instant::now());
        let all = file::list(&self.folder)?;
        all[..all.len().saturating_sub(KEPT)].iter().try_for_each(|path| remove(path))
    }

    /// Removes all snapshots, because the run has finished or starts from scratch.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn clear(&self) -> Result<()> {
        file::list(&self.folder)?.iter().try_for_each(|path| remove(path))?;
        // Fails if the folder holds other files, which is fine.
        let _ = std::fs::remove_dir(&self.folder);
        Ok(())
    }
}

fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(|e| Error::io("remove", path, &e))
}

/// Returns the error of a run that stopped because of a signal, after its snapshot was written.
pub fn stopped(step: u64, folder: &Path, signal: Option<i32>) -> Error {
    Error::interrupted(format!("stopped after step {step}"))
        .with_cause(Cause::Interrupted { signal })
        .because(format!("a signal asked for it; a snapshot is in {}", folder.display()))
        .next("run the same command with --resume")
}

/// Message for a signal that comes when only the results are left to write.
pub const ENDING: &str = "the run has taken its last step: writing its results …";

/// Returns the message for a signal, while a snapshot of this size is written.
pub fn writing(bytes: u64) -> String {
    format!("writing a snapshot ({}) …", human_bytes(bytes))
}
