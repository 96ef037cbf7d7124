//! Starts a run where one was before: returns a finished run's outcome, resumes from a snapshot, or starts fresh.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::aside::{move_aside, weights_in};
use super::dir_lock::lock_dir;
use super::finished::FinishedRun;
use super::log_files::LOG;
use super::outcome::{FILE_NAME, Finished};
use super::snapshot::{Every, Identity, Snapshot, Snapshots};
use base::error::{Error, Result};
use base::signals::ShutdownGuard;
use checkpoint::StateDict;

/// Where a run's snapshots are, and what is done with those that are there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotSettings {
    /// Their folder; nothing else is kept in it.
    pub folder: PathBuf,
    /// How often one is written.
    pub every: Every,
    /// What is done at the start.
    pub begin: Begin,
}

impl SnapshotSettings {
    /// In `<output>/snapshots`.
    pub fn below(output: &Path, every: Every, begin: Begin) -> Self {
        Self { folder: output.join("snapshots"), every, begin }
    }
}

/// How a run begins where one was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begin {
    /// Goes on from the newest whole snapshot; begins where there is none. The outcome of a finished run is only told again.
    Resume,
    /// Begins. Moves what has been finished aside (a run, or epochs' weights of one) and removes other snapshots.
    Restart,
    /// Begins, but refuses where a run has left an outcome, snapshots or weights.
    Fresh,
}

impl Begin {
    /// What `--resume` and `--restart` ask for, of which one at most is given.
    pub fn of(resume: bool, restart: bool) -> Self {
        match (resume, restart) {
            (true, _) => Self::Resume,
            (_, true) => Self::Restart,
            _ => Self::Fresh,
        }
    }
}

/// What a run needs that has steps to take; `P` is where it is.
pub struct RunStart<P> {
    /// Its snapshots.
    pub snapshots: Snapshots,
    /// Signals ask it to stop from now on.
    pub at_work: ShutdownGuard,
    /// The snapshot to resume from; `None` for a fresh run, whose folder has been cleared.
    pub from: Option<Snapshot<P>>,
}

/// Refuses to begin a run with these options over what another one has finished. Changes nothing, needs no data: commands ask
/// first, [`start`] asks again.
///
/// # Errors
/// Usage where a run is in the way, with the ways on; data where an outcome cannot be read.
pub fn refuse_finished(output: &Path, settings: &SnapshotSettings, options: &BTreeMap<String, Value>) -> Result<()> {
    let finished = match settings.begin {
        Begin::Restart => return Ok(()),
        Begin::Fresh | Begin::Resume => FinishedRun::read(output)?,
    };
    match (settings.begin, finished) {
        (Begin::Resume, Some(run)) if run.is_of_the_kind_of(options) => return Ok(()),
        (_, Some(run)) => return Err(run.refusal(output, options)),
        (Begin::Resume, None) => return Ok(()),
        (_, None) => {}
    }
    if Snapshots::new(settings.folder.clone(), Every::Never, Identity::default()).any()? {
        return Err(unfinished(&settings.folder));
    }
    match weights_in(output)?.as_slice() {
        [] => Ok(()),
        weights => Err(Error::usage(format!("weights are here: {} in {}", weights.join(", "), output.display()))
            .because("no outcome beside them says which training wrote them, and training here would replace them")
            .next(
                "pass --resume if they are of this run, --restart to move them aside and begin (nothing is deleted), or name \
                 another --output",
            )),
    }
}

/// Looks at what is in the output folder and does what the settings say. Returns the outcome `O` if the run has ended; then `load`
/// brings its last weights before its snapshots are removed.
///
/// # Errors
/// Usage where another run has left what is there, or this one has and is neither to go on nor to begin anew.
pub fn start<P: DeserializeOwned, O: Serialize + DeserializeOwned>(
    output: &Path,
    settings: &SnapshotSettings,
    identity: &Identity,
    load: impl FnOnce() -> Result<()>,
    note: &mut dyn FnMut(&str),
) -> Result<ControlFlow<O, RunStart<P>>> {
    refuse_finished(output, settings, &identity.run)?;
    let SnapshotSettings { folder, every, begin } = settings.clone();
    let mut snapshots = Snapshots::new(folder, every, identity.clone());
    if begin == Begin::Resume
        && let Some(finished) = Finished::read(output)?
    {
        finished.check(identity, output)?;
        load()?;
        snapshots.clear()?;
        return Ok(ControlFlow::Break(finished.outcome));
    }
    // Before anything is moved or removed: a signal does not end the program in the middle of it.
    let at_work = ShutdownGuard::begin()?;
    let from = match begin {
        Begin::Resume => snapshots.newest(note)?,
        Begin::Restart => {
            keep_what_is_finished(output, snapshots.folder(), note)?;
            None
        }
        Begin::Fresh => None,
    };
    if from.is_none() {
        snapshots.clear()?;
    }
    Ok(ControlFlow::Continue(RunStart { snapshots, at_work, from }))
}

/// Moves a finished run aside, or one whose epochs have left weights.
fn keep_what_is_finished(output: &Path, snapshots: &Path, note: &mut dyn FnMut(&str)) -> Result<()> {
    let finished = output.join(FILE_NAME).symlink_metadata().is_ok();
    if finished || !weights_in(output)?.is_empty() {
        // The log of a run that has not ended grows, as in the original.
        let place = move_aside(output, snapshots, (!finished).then_some(LOG))?;
        note(&format!("what was here is now in {}; nothing was deleted", place.display()));
    }
    Ok(())
}

/// Most seconds that an epoch may say it has taken: a century.
pub const LONGEST_EPOCH: f64 = 3.2e9;

/// Where a run is: with the weights and the optimiser's state, all that the rest of it depends on.
pub trait Position: Serialize + DeserializeOwned {
    /// The epoch, from 0, and its steps that are done.
    fn reached(&self) -> (u64, u64);

    /// What in it no run writes whose batches have so many examples; `None` if nothing is wrong. Called once
    /// [`reached`](Self::reached) is known to be within the run.
    fn flaw(&self, batch_size: u64) -> Option<String>;
}

/// Refuses a snapshot that a run of so many epochs of so many steps does not write. Call it before anything is changed.
///
/// # Errors
/// Data, saying what is wrong with it.
pub fn check<P: Position>(snapshot: &Snapshot<P>, (epochs, per_epoch): (u64, u64), batch_size: u64) -> Result<()> {
    let Snapshot { step, position, .. } = snapshot;
    let (epoch, steps) = position.reached();
    let flaw = match epoch.checked_mul(per_epoch).and_then(|before| before.checked_add(steps)) {
        _ if epoch >= epochs => Some(format!("it is in epoch {epoch} of {epochs}")),
        _ if steps > per_epoch => Some(format!("{steps} steps of an epoch of {per_epoch} are done")),
        reached if reached != Some(*step) => Some(format!("it is after step {steps} of epoch {epoch}")),
        _ => position.flaw(batch_size),
    };
    flaw.map_or(Ok(()), |flaw| {
        Err(Error::data(format!("the snapshot of step {step} contradicts itself"))
            .because(flaw)
            .next("remove it, or begin anew with --restart"))
    })
}

/// Resumes from a snapshot that [`check`] has passed: `restore` gets the number of steps and the tensors. Returns where the run
/// is then.
///
/// # Errors
/// Those of `restore`.
pub fn restore<P: Position>(
    snapshot: Snapshot<P>,
    restore: impl FnOnce(u64, &StateDict) -> Result<()>,
    note: &mut dyn FnMut(&str),
) -> Result<P> {
    let Snapshot { step, position, tensors } = snapshot;
    let (epoch, _) = position.reached();
    if step > 0 {
        restore(step, &tensors)?;
    }
    note(&format!("going on after step {step}, in epoch {epoch}"));
    Ok(position)
}

/// Writes the snapshot of a new run. It holds what the run is and how long log.log was.
///
/// # Errors
/// Where it cannot be written.
pub fn write_first<P: Position>(snapshots: &mut Snapshots, position: P) -> Result<P> {
    // Without tensors: the first weights are loaded anyway.
    snapshots.write(0, &position, &StateDict::default())?;
    Ok(position)
}

/// The outcome of the run that these options and this vocabulary describe, where it has ended: known before data and weights are
/// read, of which nothing is compared.
///
/// # Errors
/// Usage where the run that has ended there had other settings, data where it had another vocabulary.
pub fn ended<O: Serialize + DeserializeOwned>(
    output: &Path,
    settings: &SnapshotSettings,
    now: &Identity,
) -> Result<Option<O>> {
    let Some(finished) = Finished::read(output)? else { return Ok(None) };
    finished.check(now, output)?;
    let _lock = lock_dir(output, &[&settings.folder])?;
    // A run killed after its very last file was written has left them.
    Snapshots::new(settings.folder.clone(), Every::Never, finished.identity).clear()?;
    Ok(Some(finished.outcome))
}

fn unfinished(folder: &Path) -> Error {
    Error::usage(format!("{} holds snapshots of a run that has not ended", folder.display()))
        .next("pass --resume to go on with it, --restart to begin anew, or name another --output")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::outcome::Facts;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct At(u64, u64);

    impl Position for At {
        fn reached(&self) -> (u64, u64) {
            (self.0, self.1)
        }

        fn flaw(&self, batch_size: u64) -> Option<String> {
            (batch_size == 0).then(|| "empty batches".to_owned())
        }
    }

    #[test]
    fn only_what_a_run_of_this_length_writes_is_gone_on_from() {
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
            let note = format!("going on after step {step}, in epoch {epoch}");
            assert_eq!(go(step, epoch, steps, 1).unwrap(), (At(epoch, steps), Some(step), note));
        }
        assert_eq!(go(0, 0, 0, 1).unwrap().1, None);
        for (step, epoch, steps) in [(9, 2, 2), (5, 0, 5), (12, 3, 0), (0, u64::MAX, 0), (9, 2, u64::MAX)] {
            assert!(go(step, epoch, steps, 1).unwrap_err().to_string().contains(&format!("step {step} contradicts")));
        }
        assert!(go(9, 2, 1, 0).unwrap_err().to_string().contains("empty batches"));
    }

    /// Its weights cannot be loaded at first.
    #[test]
    fn an_ended_runs_snapshots_go_when_its_weights_are_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let run = [("task".to_owned(), "vqa".into())].into();
        let (output, identity) = (folder.path(), Identity { run, ..Identity::default() });
        let settings = SnapshotSettings::below(output, Every::Never, Begin::of(true, false));
        let mut snapshots = Snapshots::new(settings.folder.clone(), Every::Never, identity.clone());
        assert_eq!(write_first(&mut snapshots, At(0, 0)).unwrap(), At(0, 0));
        let facts = Facts::default();
        Finished { outcome: 5, identity: identity.clone(), facts, weights: Default::default() }.write(output).unwrap();
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
        assert_eq!(ended::<i32>(output, &settings, &identity).unwrap(), Some(5));
    }
}
