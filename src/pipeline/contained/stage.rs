//! One stage as a container.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::request::StageRequest;
use crate::pipeline::journal::Event as Journalled;
use crate::pipeline::plan::{Input, StageContext};
use crate::placement::{HARNESS, Mounts, Place, REQUEST, place as absolute, written};
use base::error::{Error, Result};
use base::tell;
use protocol::{Event, SCHEMA};
use sandbox::Mount;

/// What a stage may see beside its declared inputs.
#[derive(Debug, Clone, Copy)]
pub struct Extra<'a> {
    /// The workspace, where it reads data there.
    pub workspace: Option<&'a Path>,
    /// Files and folders that it reads.
    pub reads: &'a [PathBuf],
    /// Where it computes.
    pub device: &'a str,
}

/// Does a stage's work in a container: its folder is the only one that may be written, and there is no network. Its notes and
/// its error come back as if it had run here; what it says on stderr is shown.
///
/// # Errors
/// The stage's own, or what happened to the container.
pub fn run_stage(place: &Place, profile: &str, context: &mut StageContext, extra: Extra) -> Result<()> {
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
        let unknown = || Error::bug(format!("stage {} reads {from}, which is not there", stage.name));
        let folder = context.stage_folders.get(from).ok_or_else(unknown)?;
        mounts.read(&path.map_or_else(|| folder.clone(), |path| folder.join(path)))?;
        folders.insert(from.clone(), absolute(folder)?);
    }
    for path in extra.reads {
        mounts.read(path)?;
    }
    let inputs = stage.inputs.iter().map(|input| match input {
        Input::File { name, path } => Ok(Input::File { name: name.clone(), path: absolute(path)? }),
        other => Ok(other.clone()),
    });
    let request = StageRequest {
        schema: SCHEMA,
        profile: profile.to_owned(),
        stage: stage.name.clone(),
        parameters: stage.parameters.clone(),
        inputs: inputs.collect::<Result<_>>()?,
        folder: absolute(context.folder)?,
        stage_folders: folders,
        workspace: extra.workspace.map(absolute).transpose()?,
        device: extra.device.to_owned(),
    };
    let file = written(&request)?;
    let mut mounts = mounts.finish()?;
    mounts.push(Mount::read(file.path(), REQUEST));
    let task = format!("stage {}", stage.name);
    let sandbox = place.sandbox(&task, &[HARNESS, "stage", "run", REQUEST], mounts);
    let outcome = place.converse(&sandbox, &mut |event| match event {
        Event::Note { text } => context.note(&text),
        Event::Said { text } => tell!("{text}"),
        _ => {}
    });
    context.emit(Journalled::StageContainer {
        stage: stage.name.clone(),
        image: place.executor().to_owned(),
        seconds: outcome.used.seconds,
        peak_memory: outcome.used.peak_memory,
    });
    outcome.result.map(drop)
}
