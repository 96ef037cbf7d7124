//! `repro runs`: lists runs, trainings and evaluations.

use std::path::PathBuf;

use super::assets::OutputFormat;
use super::output::{pretty, print_line};
use crate::runs::{json, list, page};
use base::error::Result;
use base::exit;

/// List runs, trainings and evaluations, newest first
///
/// Searches the workspace, or the given folders, for results of `repro all`, `repro train`, `repro pretrain` and `repro evaluate
/// --output`. Shows date, task, score, verdict, state, and the settings that differ from the paper's (for a run of the demo, from
/// the demo's recorded runs). Changes nothing. A damaged folder is listed as damaged.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Folders to search [default: the workspace]
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Folder that holds data/, snap/ and runs/
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE", conflicts_with = "folders")]
    workspace: PathBuf,
    /// What to print: a table, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

const AFTER_HELP: &str = "\
Examples:
  repro runs                          everything in the workspace
  repro runs snap/vqa-1 snap/vqa-2    trainings in folders of their own
  repro runs --format json | jq -r '.runs[] | select(.state.name == \"stopped\") | .folder'

States:
  finished          its results are complete
  running           it is running now
  stopped at STEP   interrupted; the same command with --resume continues it
  stopped in STAGE  interrupted; the same command continues it
  failed            it ended with an error, whose cause is shown
  damaged           its files cannot be read

SCORE is the accuracy in percent; for a training, the best on its validation data. VERDICT is the verdict of the report in the
folder; if there is none, judge the folder with repro check FOLDER.

Exit codes: 0 listed, whatever the states are; 5 a given folder is missing.";

/// Prints the list.
///
/// # Errors
/// Data if a given folder is missing.
pub(crate) fn run(args: Args) -> Result<u8> {
    let folders = if args.folders.is_empty() { vec![args.workspace] } else { args.folders };
    let entries = list(&folders)?;
    match args.format {
        OutputFormat::Json => print_line(pretty(&json(&entries))?)?,
        OutputFormat::Text if entries.is_empty() => {
            let named: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
            print_line(format!(
                "no runs in {}; next: repro all --profile demo",
                base::sanitize::line(&named.join(", "))
            ))?;
        }
        OutputFormat::Text => print_line(page(&entries).trim_end())?,
    }
    Ok(exit::PASS)
}
