//! `repro report`.

use std::path::PathBuf;

use super::forms::{Form, tell};
use base::error::{Error, Result};
use judge::evidence::run::REPORT;
use judge::report::json;

/// Show a report again, in any form, from its report.json
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Folder of a run, a workspace (its last run), or a report.json
    #[arg(value_name = "RUN|FILE")]
    run: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
    /// Also print annotations for GitHub Actions
    #[arg(long)]
    annotations: bool,
    /// Also write all forms into this folder
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  repro report workspace
  repro report verdict/report.json --format markdown >> \"$GITHUB_STEP_SUMMARY\"

The exit code is that of the reported verdict.";

/// Reads and prints.
///
/// # Errors
/// Data where there is no report, or it cannot be read.
pub(crate) fn run(args: Args) -> Result<u8> {
    let places = [args.run.join(REPORT), args.run.join("runs/latest").join(REPORT)];
    let path = match args.run.exists() && !args.run.is_dir() {
        true => Some(args.run.clone()),
        false => places.into_iter().find(|path| path.exists()),
    };
    let path = path.ok_or_else(|| {
        Error::data(format!("there is no report in {}", args.run.display()))
            .next("judge the run first: repro check RUN --output DIR")
    })?;
    tell(&json::read(&path)?, args.format, args.annotations, args.output.as_deref())
}
