//! The entry point of this program inside a container (`repro stage run FILE`): does the work of one stage and reports events on
//! stdout. [`super::container`] is the side that starts it.

use std::io::Write;
use std::path::Path;
use std::rc::Rc;

use super::container::StageRequest;
use super::demo;
use super::journal::Event as Journalled;
use super::plan::{Stage, StageContext, Work};
use super::workers::Watchers;
use crate::placement::SOURCE;
use base::error::{Error, Result};
use base::files;
use base::versions;
use protocol::{Event, Hello, SCHEMA};

const LARGEST: u64 = 16 << 20;

/// Returns the handshake of this program. Versions of libtorch and CUDA are in the worker's handshake.
pub fn hello() -> Hello {
    Hello {
        schema: SCHEMA,
        source: SOURCE.to_owned(),
        program: versions::PROGRAM.to_owned(),
        commit: versions::commit().map(str::to_owned),
        ..Hello::default()
    }
}

/// Reads a request; one of a different edition is an infra error.
fn request(path: &Path) -> Result<StageRequest> {
    let request: StageRequest = serde_json::from_str(&files::read_text(path, LARGEST)?)
        .map_err(|e| Error::infra(format!("{} is not a request of this edition", path.display())).because(e))?;
    if request.schema != SCHEMA {
        return Err(Error::infra(format!(
            "the request {} has edition {}, not {SCHEMA}",
            path.display(),
            request.schema
        )));
    }
    Ok(request)
}

/// Does the work of the stage that the request names.
///
/// # Errors
/// Those of the stage; infra for a request of a different edition; bug if the stage does not exist.
pub fn run(request_file: &Path) -> Result<()> {
    let request = request(request_file)?;
    // Progress that cannot be written must not stop the work.
    let watchers: Watchers = Rc::new(|| Box::new(|event: &Event| drop(say(event))));
    let work: Option<Work> = match request.profile.as_str() {
        demo::PROFILE => demo::work(&request.stage, &watchers),
        _ => None,
    };
    let work = work.ok_or_else(|| {
        Error::bug(format!("profile {} has no stage {} that runs in a container", request.profile, request.stage))
    })?;
    let mut stage = Stage::new(&request.stage, "", 0, |_| Ok(())).parameters(request.parameters.clone());
    stage.inputs.clone_from(&request.inputs);
    let mut write_error = None;
    let mut emit = |event| {
        if let Journalled::StageNote { text, .. } = event
            && let Err(error) = say(&Event::Note { text })
        {
            write_error.get_or_insert(error);
        }
    };
    let (folder, stage_folders) = (request.folder.as_path(), &request.stage_folders);
    work(&mut StageContext { stage: &stage, folder, stage_folders, emit: &mut emit })?;
    write_error.map_or(Ok(()), Err)
}

/// Writes an event as a line to stdout.
///
/// # Errors
/// Infra if stdout is closed.
pub fn say(event: &Event) -> Result<()> {
    let line = serde_json::to_string(event).map_err(|e| Error::bug("an event cannot be written").because(e))?;
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "{line}").and_then(|()| out.flush());
    said.map_err(|e| Error::infra("the events of this stage cannot be written to stdout").because(e))
}
