//! How a run begins where one was before: it tells again how it ended, goes on from a snapshot, or begins anew.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::alone::alone_in;
use super::outcome::{self, Finished};
use super::snapshot::{Every, Identity, Snapshot, Snapshots};
use crate::checkpoint::StateDict;
use crate::error::{Error, Result};
use crate::signals::AtWork;

/// Where a run's snapshots are, and what is done with those that are there.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Goes on from the newest whole snapshot; begins where there is none. The outcome of a finished run is only told again.
    Resume,
    /// Removes what is there of an unfinished run and begins.
    Restart,
    /// Begins, but refuses where an unfinished run has left snapshots.
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
pub struct Begun<P> {
    /// Its snapshots.
    pub snapshots: Snapshots,
    /// Signals ask it to stop from now on.
    pub at_work: AtWork,
    /// What it goes on from; for a new run nothing, and then nothing is left of one before.
    pub from: Option<Snapshot<P>>,
}

/// Looks at what is in the output folder and does what the settings say. Breaks with the outcome `O` where the run has ended; then
/// `load` brings its last weights before its snapshots are removed.
///
/// # Errors
/// Usage where another run has left what is there, or this one has and is neither to go on nor to begin anew.
pub fn begin<P: DeserializeOwned, O: Serialize + DeserializeOwned>(
    output: &Path,
    settings: &SnapshotSettings,
    identity: &Identity,
    load: impl FnOnce() -> Result<()>,
    note: &mut dyn FnMut(&str),
) -> Result<ControlFlow<O, Begun<P>>> {
    let SnapshotSettings { folder, every, begin } = settings.clone();
    let mut snapshots = Snapshots::new(folder, every, identity.clone());
    if begin == Begin::Resume
        && let Some(finished) = Finished::read(output)?
    {
        finished.check(&identity.run, output)?;
        load()?;
        snapshots.clear()?;
        return Ok(ControlFlow::Break(finished.outcome));
    }
    let from = match begin {
        Begin::Resume => snapshots.newest(note)?,
        Begin::Fresh if snapshots.any()? => return Err(unfinished(snapshots.folder())),
        Begin::Restart | Begin::Fresh => None,
    };
    let at_work = AtWork::begin()?;
    if from.is_none() {
        // In this order: a snapshot beside an outcome would be one of a run that has ended.
        outcome::remove(output)?;
        snapshots.clear()?;
    }
    Ok(ControlFlow::Continue(Begun { snapshots, at_work, from }))
}

/// Where a run is: with the weights and the optimiser's state, all that the rest of it depends on.
pub trait Position: Serialize + DeserializeOwned {
    /// The epoch, from 0, and its steps that are done.
    fn reached(&self) -> (u64, u64);
}

/// Goes on from a snapshot of a run of so many epochs of so many steps: `restore` gets the number of steps and the tensors. Where
/// the run is then.
///
/// # Errors
/// Data for a snapshot that such a run does not write; those of `restore`.
pub fn go_on<P: Position>(
    snapshot: Snapshot<P>,
    (epochs, per_epoch): (u64, u64),
    restore: impl FnOnce(u64, &StateDict) -> Result<()>,
    note: &mut dyn FnMut(&str),
) -> Result<P> {
    let Snapshot { step, position, tensors } = snapshot;
    let (epoch, steps) = position.reached();
    if steps > per_epoch || epoch >= epochs || epoch * per_epoch + steps != step {
        return Err(Error::data(format!("the snapshot of step {step} contradicts itself"))
            .next("remove it, or begin anew with --restart"));
    }
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
pub fn first<P: Position>(snapshots: &mut Snapshots, position: P) -> Result<P> {
    // Without tensors: the first weights are loaded anyway.
    snapshots.write(0, &position, &StateDict::default())?;
    Ok(position)
}

/// The outcome of the run that these options describe, where it has ended: known before data and weights are read, of which
/// nothing is compared.
///
/// # Errors
/// Usage where the run that has ended there had other settings.
pub fn ended<O: Serialize + DeserializeOwned>(
    output: &Path,
    settings: &SnapshotSettings,
    options: &BTreeMap<String, Value>,
) -> Result<Option<O>> {
    let Some(finished) = Finished::read(output)? else { return Ok(None) };
    finished.check(options, output)?;
    let _alone = alone_in(output, &[&settings.folder])?;
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

    use super::outcome::Facts;
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct At(u64, u64);

    impl Position for At {
        fn reached(&self) -> (u64, u64) {
            (self.0, self.1)
        }
    }

    #[test]
    fn only_what_a_run_of_this_length_writes_is_gone_on_from() {
        let go = |step, epoch, steps| {
            let (mut restored, mut notes) = (None, Vec::new());
            let snapshot = Snapshot { step, position: At(epoch, steps), tensors: StateDict::new() };
            let restore = |step, _: &_| {
                restored = Some(step);
                Ok(())
            };
            let at = go_on(snapshot, (3, 4), restore, &mut |text| notes.push(text.to_owned()));
            at.map(|at| (at, restored, notes.concat()))
        };
        for (step, epoch, steps) in [(9, 2, 1), (4, 0, 4), (4, 1, 0)] {
            let note = format!("going on after step {step}, in epoch {epoch}");
            assert_eq!(go(step, epoch, steps).unwrap(), (At(epoch, steps), Some(step), note));
        }
        assert_eq!(go(0, 0, 0).unwrap().1, None);
        for (step, epoch, steps) in [(9, 2, 2), (5, 0, 5), (12, 3, 0), (0, u64::MAX, 0)] {
            assert!(go(step, epoch, steps).unwrap_err().to_string().contains(&format!("step {step} contradicts")));
        }
    }

    /// Its weights cannot be loaded at first.
    #[test]
    fn an_ended_runs_snapshots_go_when_its_weights_are_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let (output, identity) = (folder.path(), Identity::default());
        let settings = SnapshotSettings::below(output, Every::Never, Begin::of(true, false));
        let mut snapshots = Snapshots::new(settings.folder.clone(), Every::Never, identity.clone());
        assert_eq!(first(&mut snapshots, At(0, 0)).unwrap(), At(0, 0));
        Finished { outcome: 5, identity: identity.clone(), facts: Facts::default() }.write(output).unwrap();
        let with = |loaded: Result<()>| {
            let load = || {
                assert!(settings.folder.exists());
                loaded
            };
            begin::<At, i32>(output, &settings, &identity, load, &mut |text| panic!("{text}"))
        };
        assert!(with(Err(Error::data("no"))).is_err());
        assert!(matches!(with(Ok(())), Ok(ControlFlow::Break(5))));
        assert!(!settings.folder.exists());
        assert_eq!(ended::<i32>(output, &settings, &identity.run).unwrap(), Some(5));
    }
}
