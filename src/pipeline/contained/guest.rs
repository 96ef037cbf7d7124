//! The side in the image: does what a request asks for and answers on stdout.

use std::io::Write;
use std::path::Path;

use super::protocol::{Answer, Description, PROTOCOL, Request};
use crate::pipeline::journal::Event;
use crate::pipeline::plan::{Stage, StageContext, Work};
use crate::pipeline::{demo, paper};
use base::error::{Error, Result};
use base::files;
use base::versions;

/// Largest request.
const LARGEST: u64 = 16 << 20;

/// Who this program is; `device` is what it would compute on, in words.
pub fn description(device: String) -> Description {
    Description {
        protocol: PROTOCOL,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        commit: versions::commit().map(str::to_owned),
        versions: versions::arithmetic(),
        device,
    }
}

/// Reads a request.
///
/// # Errors
/// Infra for one of another edition.
pub fn request(path: &Path) -> Result<Request> {
    let request: Request = serde_json::from_str(&files::read_text(path, LARGEST)?)
        .map_err(|e| Error::infra(format!("{} is not a request of this edition", path.display())).because(e))?;
    if request.protocol != PROTOCOL {
        return Err(Error::infra(format!("the request is of edition {}, not {PROTOCOL}", request.protocol)));
    }
    Ok(request)
}

/// Does a stage's work on a device.
///
/// # Errors
/// The stage's own; bug where there is no such stage.
pub fn run(request: &Request, device: tch::Device) -> Result<()> {
    let work: Option<Work> = match request.profile.as_str() {
        demo::PROFILE => demo::work(&request.stage),
        paper::PROFILE => request.workspace.as_deref().and_then(|place| paper::work(&request.stage, place, device)),
        _ => None,
    };
    let work = work.ok_or_else(|| {
        Error::bug(format!("profile {} has no stage {} that runs in a container", request.profile, request.stage))
    })?;
    let mut stage = Stage::new(&request.stage, "", 0, |_| Ok(())).parameters(request.parameters.clone());
    stage.inputs.clone_from(&request.inputs);
    let mut unsaid = None;
    let mut emit = |event| {
        if let Event::StageNote { text, .. } = event
            && let Err(error) = say(&Answer::Note { text })
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
pub fn say(answer: &Answer) -> Result<()> {
    let line = serde_json::to_string(answer).map_err(|e| Error::bug("an answer cannot be written").because(e))?;
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "{line}").and_then(|()| out.flush());
    said.map_err(|e| Error::infra("nobody hears what the stage says").because(e))
}
