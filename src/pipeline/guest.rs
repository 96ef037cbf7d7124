//! The side in the image of [`contained`](super::contained) stages: does what a request asks for and says in events how it
//! goes, on stdout.

use std::io::Write;
use std::path::Path;
use std::rc::Rc;

use super::contained::StageRequest;
use super::demo;
use super::journal::Event as Journalled;
use super::plan::{Stage, StageContext, Work};
use super::workers::Watchers;
use crate::placement::SOURCE;
use base::error::{Error, Result};
use base::files;
use base::versions;
use protocol::{Event, Hello, SCHEMA};

/// Largest request.
const LARGEST: u64 = 16 << 20;

/// Who this program is. What the arithmetic stands on is the worker's to say.
pub fn hello() -> Hello {
    Hello {
        schema: SCHEMA,
        source: SOURCE.to_owned(),
        program: versions::PROGRAM.to_owned(),
        commit: versions::commit().map(str::to_owned),
        ..Hello::default()
    }
}

/// Reads a request.
///
/// # Errors
/// Infra for one of another edition.
fn request(path: &Path) -> Result<StageRequest> {
    let request: StageRequest = serde_json::from_str(&files::read_text(path, LARGEST)?)
        .map_err(|e| Error::infra(format!("{} is not a request of this edition", path.display())).because(e))?;
    if request.schema != SCHEMA {
        return Err(Error::infra(format!("the request is of edition {}, not {SCHEMA}", request.schema)));
    }
    Ok(request)
}

/// Does the work of the stage that a request names.
///
/// # Errors
/// The stage's own; infra for a request of another edition; bug where there is no such stage.
pub fn run(request_file: &Path) -> Result<()> {
    let request = request(request_file)?;
    // Progress that nobody hears stops no work.
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
    let mut unsaid = None;
    let mut emit = |event| {
        if let Journalled::StageNote { text, .. } = event
            && let Err(error) = say(&Event::Note { text })
        {
            unsaid.get_or_insert(error);
        }
    };
    let (folder, stage_folders) = (request.folder.as_path(), &request.stage_folders);
    work(&mut StageContext { stage: &stage, folder, stage_folders, emit: &mut emit })?;
    unsaid.map_or(Ok(()), Err)
}

/// Says a line.
///
/// # Errors
/// Infra where nobody listens.
pub fn say(event: &Event) -> Result<()> {
    let line = serde_json::to_string(event).map_err(|e| Error::bug("an event cannot be written").because(e))?;
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "{line}").and_then(|()| out.flush());
    said.map_err(|e| Error::infra("nobody hears what the stage says").because(e))
}
