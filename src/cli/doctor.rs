//! `repro doctor`: checks the machine.

use std::io::IsTerminal;
use std::path::PathBuf;

use super::assets::OutputFormat;
use super::output::{pretty, print_line};
use crate::doctor::render::render;
use crate::doctor::{DoctorReport, Purpose, gather};
use base::error::Result;
use base::exit;
use judge::report::console::wants_colour;

/// Check that this machine has what a run needs, and show how to fix what is missing
///
/// Checks the machine, the worker and its libtorch, the container engine, the images, and access to the GPU. Says how many hours the
/// paper's trainings take, if `repro bench train` has measured a step. Changes nothing. If
/// there are an engine, an NVIDIA driver and an image, a short container tests whether it sees GPUs.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Purposes to check for; everything else is skipped [default: all]
    #[arg(long = "for", value_name = "WHAT", value_enum, value_delimiter = ',')]
    purposes: Vec<Purpose>,
    /// Folder that holds data/, snap/ and downloads/
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    workspace: PathBuf,
    /// Look for GPUs in a container of this image, even if this machine seems to have none
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    /// What to print: text, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

const AFTER_HELP: &str = "\
Examples:
  repro doctor                          check everything
  repro doctor --for demo               check what `repro all --profile demo` needs
  repro doctor --for extract            check the engine, its image and the GPU
  repro doctor --for train,docker --format json

States:
  fine    works
  advice  works, but worse than it could
  WRONG   a chosen purpose cannot work; the lines below show how to fix it
  –       not checked, because something else is missing or was not measured

Exit codes: 0 nothing is WRONG; 4 something is.";

/// Runs the command.
///
/// # Errors
/// Data if the workspace's pins of images cannot be read.
pub(crate) fn run(args: Args) -> Result<u8> {
    let purposes: Vec<Purpose> = Purpose::ALL
        .into_iter()
        .filter(|purpose| args.purposes.is_empty() || args.purposes.contains(purpose))
        .collect();
    let report = DoctorReport::of(&gather::machine(&args.workspace, args.image.as_deref(), &purposes)?, &purposes);
    let text = match args.format {
        OutputFormat::Text => render(&report, wants_colour(std::io::stdout().is_terminal())).trim_end().to_owned(),
        OutputFormat::Json => pretty(&report.json())?,
    };
    print_line(&text)?;
    Ok(if report.is_ready() { exit::PASS } else { exit::INFRA })
}
