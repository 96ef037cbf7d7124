//! Starts a run in a folder that may hold an earlier one: returns a finished run's outcome, resumes from a snapshot, or starts
//! fresh. Does not load weights itself.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::dir_lock::lock_dir;
use super::finished_run::FinishedRun;
use super::log_files::LOG;
use super::move_aside::{move_aside, weights_in};
use super::outcome::{FILE_NAME, OutcomeFile};
use super::snapshot::{RunIdentity, Snapshot, SnapshotInterval, Snapshots};
use base::error::{Error, Result};
use base::signals::ShutdownGuard;
use checkpoint::StateDict;

/// The folder of a run's snapshots, how often they are written, and what to do with existing ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotSettings {
    /// Folder of the snapshots; nothing else is kept in it.
    pub folder: PathBuf,
    /// How often a snapshot is written.
    pub every: SnapshotInterval,
    /// What to do with an earlier run.
    pub begin: StartMode,
}

impl SnapshotSettings {
    /// Returns settings with the folder `<output>/snapshots`.
    pub fn below(output: &Path, every: SnapshotInterval, begin: StartMode) -> Self {
        Self { folder: output.join("snapshots"), every, begin }
    }
}

/// What to do with an earlier run in the output folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartMode {
    /// Resumes from the newest undamaged snapshot, or starts fresh if there is none. If the run has finished, its outcome is
    /// returned again (`--resume`).
    Resume,
    /// Starts fresh. Moves a finished run, or the weights of finished epochs, aside and removes other snapshots (`--restart`).
    Restart,
    /// Starts fresh, but fails if a run has left an outcome, snapshots or weights (the default).
    Fresh,
}

impl StartMode {
    /// Returns the mode that `--resume` and `--restart` select. At most one of them is given.
    pub fn of(resume: bool, restart: bool) -> Self {
        match (resume, restart) {
            (true, _) => Self::Resume,
            (_, true) => Self::Restart,
            _ => Self::Fresh,
        }
    }
}

/// A run that has steps to take. `P` is its position.
pub struct RunStart<P> {
    /// Snapshots of the run.
    pub snapshots: Snapshots,
    /// Receives signals, which from now on ask the run to stop.
    pub at_work: ShutdownGuard,
    /// The snapshot to resume from; `None` for a fresh run, whose folder has been cleared.
    pub from: Option<Snapshot<P>>,
}

/// Checks that a run with these options would not overwrite what another one has finished. Changes nothing and needs no data, so
/// that commands can call it first; [`start`] calls it again.
///
/// # Errors
/// Usage, with what can be done, if a run is in the way; data if an outcome cannot be read.
pub fn refuse_finished(output: &Path, settings: &SnapshotSettings, options: &BTreeMap<String, Value>) -> Result<()> {
    let finished = match settings.begin {
        StartMode::Restart => return Ok(()),
        StartMode::Fresh | StartMode::Resume => FinishedRun::read(output)?,
    };
    match (settings.begin, finished) {
        (StartMode::Resume, Some(run)) if run.is_same_kind_as(options) => return Ok(()),
        (_, Some(run)) => return Err(run.refusal(output, options)),
        (StartMode::Resume, None) => return Ok(()),
        (_, None) => {}
    }
    if Snapshots::new(settings.folder.clone(), SnapshotInterval::Never, RunIdentity::default()).any()? {
        return Err(unfinished(&settings.folder));
    }
    match weights_in(output)?.as_slice() {
        [] => Ok(()),
        weights => Err(Error::usage(format!("{} already holds weights: {}", output.display(), weights.join(", ")))
            .because("there is no outcome.json that says which training wrote them, and training here would overwrite them")
            .next(
                "pass --resume if they are of this run, --restart to move them aside and train (nothing is deleted), or name \
                 another --output",
            )),
    }
}

/// Prepares the output folder for a run, as the settings say. Returns the outcome `O` if the run has already finished. In that
/// case `load` reads its last weights before its snapshots are removed.
///
/// # Errors
/// Usage if the folder holds another run, or this one while the mode is [`StartMode::Fresh`]; those of `load`.
pub fn start<P: DeserializeOwned, O: Serialize + DeserializeOwned>(
    output: &Path,
    settings: &SnapshotSettings,
    identity: &RunIdentity,
    load: impl FnOnce() -> Result<()>,
    note: &mut dyn FnMut(&str),
) -> Result<ControlFlow<O, RunStart<P>>> {
    refuse_finished(output, settings, &identity.run)?;
    let SnapshotSettings { folder, every, begin } = settings.clone();
    let mut snapshots = Snapshots::new(folder, every, identity.clone());
    if begin == StartMode::Resume
        && let Some(finished) = OutcomeFile::read(output)?
    {
        finished.check(identity, output)?;
        load()?;
        snapshots.clear()?;
        return Ok(ControlFlow::Break(finished.outcome));
    }
    // Before anything is moved or removed, so that a signal does not end the program half way.
    let at_work = ShutdownGuard::begin()?;
    let from = match begin {
        StartMode::Resume => snapshots.newest(note)?,
        StartMode::Restart => {
            keep_what_is_finished(output, snapshots.folder(), note)?;
            None
        }
        StartMode::Fresh => None,
    };
    if from.is_none() {
        snapshots.clear()?;
    }
    Ok(ControlFlow::Continue(RunStart { snapshots, at_work, from }))
}

/// Moves a finished run aside, or one that has finished epochs and so left weights.
fn keep_what_is_finished(output: &Path, snapshots: &Path, note: &mut dyn FnMut(&str)) -> Result<()> {
    let finished = output.join(FILE_NAME).symlink_metadata().is_ok();
    if finished || !weights_in(output)?.is_empty() {
        // An unfinished run's log is kept and appended to, as in the original.
        let place = move_aside(output, snapshots, (!finished).then_some(LOG))?;
        note(&format!("moved the earlier run to {}; nothing was deleted", place.display()));
    }
    Ok(())
}

/// Maximum duration of an epoch in seconds that a snapshot may state: a century.
pub const LONGEST_EPOCH: f64 = 3.2e9;

/// The position of a run. The rest of the run depends only on it, on the weights and on the optimiser's state.
pub trait RunPosition: Serialize + DeserializeOwned {
    /// Returns the epoch, counted from 0, and the number of steps taken in it.
    fn reached(&self) -> (u64, u64);

    /// Returns what is inconsistent in it for a run with this batch size; `None` if nothing is. Called only after
    /// [`reached`](Self::reached) was found to be within the run.
    fn flaw(&self, batch_size: u64) -> Option<String>;
}

/// Checks that a snapshot can be of a run with this number of epochs, steps per epoch and batch size. Call it before anything is
/// changed.
///
/// # Errors
/// Data, with what is inconsistent.
pub fn check<P: RunPosition>(snapshot: &Snapshot<P>, (epochs, per_epoch): (u64, u64), batch_size: u64) -> Result<()> {
    let Snapshot { step, position, .. } = snapshot;
    let (epoch, steps) = position.reached();
    let flaw = match epoch.checked_mul(per_epoch).and_then(|before| before.checked_add(steps)) {
        _ if epoch >= epochs => Some(format!("it is in epoch {epoch} of {epochs}")),
        _ if steps > per_epoch => Some(format!("{steps} steps are done of an epoch with {per_epoch}")),
        reached if reached != Some(*step) => Some(format!("its position is after step {steps} of epoch {epoch}")),
        _ => position.flaw(batch_size),
    };
    flaw.map_or(Ok(()), |flaw| {
        Err(Error::data(format!("the snapshot of step {step} is inconsistent"))
            .because(flaw)
            .next("remove it, or train from scratch with --restart"))
    })
}

/// Resumes from a snapshot that has passed [`check`]. `restore` is called with the number of steps and the tensors. Returns the
/// position.
///
/// # Errors
/// Those of `restore`.
pub fn restore<P: RunPosition>(
    snapshot: Snapshot<P>,
    restore: impl FnOnce(u64, &StateDict) -> Result<()>,
    note: &mut dyn FnMut(&str),
) -> Result<P> {
    let Snapshot { step, position, tensors } = snapshot;
    let (epoch, _) = position.reached();
    if step > 0 {
        restore(step, &tensors)?;
    }
    note(&format!("resuming after step {step}, in epoch {epoch}"));
    Ok(position)
}

/// Writes the first snapshot of a new run, with the run's identity and the length of its log.
///
/// # Errors
/// If the file cannot be written.
pub fn write_first<P: RunPosition>(snapshots: &mut Snapshots, position: P) -> Result<P> {
    // Without tensors: the initial weights can be loaded again.
    snapshots.write(0, &position, &StateDict::default())?;
    Ok(position)
}

/// Returns the outcome of the run with these options and this vocabulary; `None` if it has not finished. Compares no data and no
/// weights, so that it can be called before they are read.
///
/// # Errors
/// Usage if the run that finished in the folder had other settings; data if it had another vocabulary.
pub fn finished_outcome<O: Serialize + DeserializeOwned>(
    output: &Path,
    settings: &SnapshotSettings,
    now: &RunIdentity,
) -> Result<Option<O>> {
    let Some(finished) = OutcomeFile::read(output)? else { return Ok(None) };
    finished.check(now, output)?;
    let _lock = lock_dir(output, &[&settings.folder])?;
    // A run that was killed after writing its last file has left them.
    Snapshots::new(settings.folder.clone(), SnapshotInterval::Never, finished.identity).clear()?;
    Ok(Some(finished.outcome))
}

fn unfinished(folder: &Path) -> Error {
    Error::usage(format!("{} holds snapshots of an unfinished run", folder.display()))
        .next("pass --resume to continue it, --restart to train from scratch, or name another --output")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::outcome::RunFacts;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct At(u64, u64);

    impl RunPosition for At {
        fn reached(&self) -> (u64, u64) {
            (self.0, self.1)
        }

        fn flaw(&self, batch_size: u64) -> Option<String> {
            (batch_size == 0).then(|| "empty batches".to_owned())
        }
    }

    #[test]
    fn only_snapshots_of_a_run_of_this_length_are_resumed_from() {
        let go = |step, epoch, steps, batch| {
            let (mut restored, mut notes) = (None, Vec::new());
            let snapshot = Snapshot { step, position: At(epoch, steps), tensors: StateDict::new() };
            let restore = |step, _: &_| {
                restored = Some(step);
                Ok(())
            };
            let at = check(&snapshot, (3, 4), batch)
                .and_then(|()| super::restore(snapshot, restore, &mut |text| notes.push(text.to_owned())));
            at.map(|at| (at, restored, notes.concat()))
        };
        for (step, epoch, steps) in [(9, 2, 1), (4, 0, 4), (4, 1, 0)] {
            let note = format!("resuming after step {step}, in epoch {epoch}");
            assert_eq!(go(step, epoch, steps, 1).unwrap(), (At(epoch, steps), Some(step), note));
        }
        assert_eq!(go(0, 0, 0, 1).unwrap().1, None);
        for (step, epoch, steps) in [(9, 2, 2), (5, 0, 5), (12, 3, 0), (0, u64::MAX, 0), (9, 2, u64::MAX)] {
            assert!(
                go(step, epoch, steps, 1).unwrap_err().to_string().contains(&format!("step {step} is inconsistent"))
            );
        }
        assert!(go(9, 2, 1, 0).unwrap_err().to_string().contains("empty batches"));
    }

    #[test]
    fn a_finished_runs_snapshots_are_removed_once_its_weights_are_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let run = [("task".to_owned(), "vqa".into())].into();
        let (output, identity) = (folder.path(), RunIdentity { run, ..RunIdentity::default() });
        let settings = SnapshotSettings::below(output, SnapshotInterval::Never, StartMode::of(true, false));
        let mut snapshots = Snapshots::new(settings.folder.clone(), SnapshotInterval::Never, identity.clone());
        assert_eq!(write_first(&mut snapshots, At(0, 0)).unwrap(), At(0, 0));
        let facts = RunFacts::default();
        OutcomeFile { outcome: 5, identity: identity.clone(), facts, weights: Default::default() }
            .write(output)
            .unwrap();
        let with = |loaded: Result<()>| {
            let load = || {
                assert!(settings.folder.exists());
                loaded
            };
            start::<At, i32>(output, &settings, &identity, load, &mut |text| panic!("{text}"))
        };
        assert!(with(Err(Error::data("no"))).is_err());
        assert!(matches!(with(Ok(())), Ok(ControlFlow::Break(5))));
        assert!(!settings.folder.exists());
        assert_eq!(finished_outcome::<i32>(output, &settings, &identity).unwrap(), Some(5));
    }
}
