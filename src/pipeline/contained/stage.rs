//! One stage as a container.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::mounts::{Mounts, place as absolute};
use super::place::Place;
use super::protocol::{Answer, PROTOCOL, REQUEST, Request};
use crate::pipeline::journal::Event;
use crate::pipeline::plan::{Input, StageContext};
use base::error::{Error, Result};
use base::tell;
use sandbox::{Mount, Stream};

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
    let request = Request {
        protocol: PROTOCOL,
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
    let words = ["stage", "run", REQUEST].map(str::to_owned);
    let sandbox = place.sandbox(&format!("stage {}", stage.name), &words, mounts);

    let (clock, mut last) = (Instant::now(), None);
    let ended = place.engine().run(&sandbox, &mut |line| match (line.stream, Answer::parse(&line.text)) {
        (Stream::Out, Some(Answer::Note { text })) => context.note(&text),
        (Stream::Out, Some(answer)) => last = Some(answer),
        _ => tell!("{}", line.text),
    });
    let used = ended.as_ref().map_or_else(|failure| failure.used.as_deref(), Some);
    context.emit(Event::StageContainer {
        stage: stage.name.clone(),
        image: place.executor().to_owned(),
        seconds: used.map_or_else(|| clock.elapsed().as_secs_f64(), |used| used.seconds),
        peak_memory: used.and_then(|used| used.peak_memory),
    });
    match (last, ended) {
        (Some(Answer::Failed { error }), _) => Err(error),
        (_, Err(failure)) => Err(failure.into()),
        (Some(Answer::Done), Ok(_)) => Ok(()),
        (_, Ok(_)) => Err(Error::bug(format!("stage {} ended without saying that it was done", stage.name))),
    }
}

/// The request as a file that anybody may read: in the container, another user than this one does.
fn written(request: &Request) -> Result<tempfile::NamedTempFile> {
    let text = serde_json::to_vec_pretty(request).map_err(|e| Error::bug("a request cannot be written").because(e))?;
    let failed = |e: std::io::Error| Error::io("write a request in", &std::env::temp_dir(), &e);
    let mut file = tempfile::Builder::new()
        .prefix("repro-request-")
        .permissions(PermissionsExt::from_mode(0o644))
        .tempfile()
        .map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    Ok(file)
}
