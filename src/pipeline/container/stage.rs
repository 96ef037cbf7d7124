//! Runs one stage in a container.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::request::StageRequest;
use crate::pipeline::journal::Event as Journalled;
use crate::pipeline::plan::{Input, Stage, StageContext};
use crate::pipeline::workers::Watchers;
use crate::placement::{ContainerPlace, HARNESS, Mounts, REQUEST, absolute_path, write_request};
use base::error::{Error, Result};
use base::progress::Observer;
use protocol::{Event, SCHEMA};
use sandbox::Mount;

/// Returns the stage, changed so that its work is done in a container.
pub(crate) fn in_place(
    mut stage: Stage,
    profile: &'static str,
    place: &Arc<ContainerPlace>,
    watchers: &Watchers,
) -> Stage {
    let (place, watchers) = (Arc::clone(place), Rc::clone(watchers));
    stage.executor = place.executor().to_owned();
    stage.work = Box::new(move |context| run_stage(&place, profile, context, &*watchers()));
    stage
}

/// Does a stage's work in a container without network, in which only the stage's folder is writable. Notes and error of the stage
/// are passed on; its stderr is shown.
///
/// # Errors
/// Those of the stage and of the container.
fn run_stage(
    place: &ContainerPlace,
    profile: &str,
    context: &mut StageContext,
    watcher: &dyn Observer<Event>,
) -> Result<()> {
    let stage = context.stage;
    let mut mounts = Mounts::new();
    mounts.write(context.folder)?;
    let mut folders = BTreeMap::new();
    for input in &stage.inputs {
        let (from, path) = match input {
            Input::File { path, .. } => {
                mounts.read(path)?;
                continue;
            }
            Input::Stage(from) => (from, None),
            Input::Output { stage, path } => (stage, Some(path)),
        };
        let unknown = || Error::bug(format!("stage {} reads {from}, which does not exist", stage.name));
        let folder = context.stage_folders.get(from).ok_or_else(unknown)?;
        mounts.read(&path.map_or_else(|| folder.clone(), |path| folder.join(path)))?;
        folders.insert(from.clone(), absolute_path(folder)?);
    }
    let inputs = stage.inputs.iter().map(|input| match input {
        Input::File { name, path } => Ok(Input::File { name: name.clone(), path: absolute_path(path)? }),
        other => Ok(other.clone()),
    });
    let request = StageRequest {
        schema: SCHEMA,
        profile: profile.to_owned(),
        stage: stage.name.clone(),
        parameters: stage.parameters.clone(),
        inputs: inputs.collect::<Result<_>>()?,
        folder: absolute_path(context.folder)?,
        stage_folders: folders,
    };
    let file = write_request(&request)?;
    let mut mounts = mounts.finish()?;
    mounts.push(Mount::read(file.path(), REQUEST));
    let task = format!("stage {}", stage.name);
    let sandbox = place.sandbox(&task, &[HARNESS, "stage", "run", REQUEST], mounts);
    let outcome = place.converse(&sandbox, &mut |event| match event {
        Event::Note { text } => context.note(&text),
        event => watcher.event(&event),
    });
    context.emit(Journalled::StageContainer {
        stage: stage.name.clone(),
        image: place.executor().to_owned(),
        seconds: outcome.used.seconds,
        peak_memory: outcome.used.peak_memory,
    });
    outcome.result.map(drop)
}
