//! `repro report`: prints a saved report again.

use std::path::PathBuf;

use super::report_form::{ReportForm, print_report};
use base::error::{Error, Result};
use judge::evidence::run::REPORT;
use judge::report::json;

/// Print a report again, in any format, from its report.json
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Folder of a run, a workspace (its last run), or a report.json
    #[arg(value_name = "RUN|FILE")]
    run: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: ReportForm,
    /// Also print annotations for GitHub Actions
    #[arg(long)]
    annotations: bool,
    /// Also write all formats into this folder
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  repro report workspace
  repro report verdict/report.json --format markdown >> \"$GITHUB_STEP_SUMMARY\"

The exit code is that of the reported verdict.";

/// Reads and prints the report.
///
/// # Errors
/// Data if the report is missing or damaged.
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
    print_report(&json::read(&path)?, args.format, args.annotations, args.output.as_deref())
}
