//! `repro doctor`.

use std::io::IsTerminal;
use std::path::PathBuf;

use super::assets::Format;
use super::output::{pretty, say};
use crate::doctor::render::render;
use crate::doctor::{DoctorReport, Purpose, gather};
use base::error::Result;
use base::exit;
use judge::report::console::wants_colour;

/// Check that this machine has what a run needs, and say what mends it where it has not
///
/// Looks at the machine, the worker and its libtorch, the container engine, the images and the way to the GPU. Changes nothing; where an engine,
/// an NVIDIA driver and an image are here, a short container really looks for GPUs.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// What the machine is to do; what that does not need is left out [default: everything]
    #[arg(long = "for", value_name = "WHAT", value_enum, value_delimiter = ',')]
    purposes: Vec<Purpose>,
    /// Folder that holds data/, snap/ and downloads/
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    workspace: PathBuf,
    /// Look for GPUs in a container of this image, also where this machine seems to have none
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    /// What to print: a page for people, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

const AFTER_HELP: &str = "\
Examples:
  repro doctor                          everything
  repro doctor --for demo               what `repro all --profile demo` needs
  repro doctor --for extract            the engine, its image, the GPU
  repro doctor --for train,docker --format json

States:
  fine    as it should be
  advice  not as it should be: something asked for works worse by it
  WRONG   something asked for cannot work; the lines below it mend it
  –       not checked, because something else is missing

Exit codes: 0 nothing is WRONG; 4 something is.";

/// Runs the command.
///
/// # Errors
/// Data where the workspace's pins of images cannot be read.
pub(crate) fn run(args: Args) -> Result<u8> {
    let asked: Vec<Purpose> = Purpose::ALL
        .into_iter()
        .filter(|purpose| args.purposes.is_empty() || args.purposes.contains(purpose))
        .collect();
    let report = DoctorReport::of(&gather::machine(&args.workspace, args.image.as_deref(), &asked)?, &asked);
    let text = match args.format {
        Format::Text => render(&report, wants_colour(std::io::stdout().is_terminal())).trim_end().to_owned(),
        Format::Json => pretty(&report.json())?,
    };
    say(&text)?;
    Ok(if report.is_ready() { exit::PASS } else { exit::INFRA })
}
