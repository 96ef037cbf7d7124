//! What both profiles share: options, and how a plan and a report are printed.

use std::io::{IsTerminal, stderr, stdout};
use std::path::{Path, PathBuf};

use super::super::compute::watchers;
use super::super::engine::EngineOptions;
use super::super::output::say;
use super::super::stopping::to_resume;
use super::super::values::{count, seed};
use crate::pipeline::plan::Plan;
use crate::pipeline::workers::Workers;
use crate::pipeline::{decision, engine};
use base::error::Result;
use base::status;
use judge::report::{Report, console, json};
use lxmert_spec::paper::SEED;

/// Options of both.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// Folder that holds the cache, the data, runs/ and their reports
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    pub workspace: PathBuf,
    /// Seed of the training
    #[arg(long, value_name = "N", default_value_t = SEED, value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// CPU threads [default: demo: 2, or 1 where there is one core; paper: all cores]. Another number gives slightly
    /// other weights
    #[arg(long, value_name = "N", value_parser = count::<usize>, allow_negative_numbers = true)]
    pub threads: Option<usize>,
    /// Go on with what an earlier run left: finished stages are taken, a training continues from its last snapshot. A run
    /// does so anyway, so a batch script can always pass it
    #[arg(long)]
    pub resume: bool,
    /// Say for each stage whether it would run and why, and run nothing
    #[arg(long)]
    pub explain: bool,
    /// Say what a run would do, and do nothing. Paper: what is fetched, disk, steps, time, and what judges it, without
    /// a network; demo: as --explain
    #[arg(long, conflicts_with_all = ["explain", "format"])]
    pub dry_run: bool,
    /// What to print: the verdicts as a table, or report.json
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    #[command(flatten)]
    pub engine: EngineOptions,
}

/// Form of the result on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A table for a person
    Text,
    /// The report as JSON
    Json,
}

impl Common {
    /// Who trains and answers, on this machine or in an image.
    pub(crate) fn workers(&self, device: &str) -> Result<Workers> {
        let placement = self.engine.placement("all", device, &self.workspace)?;
        Ok(Workers { placement, device: device.to_owned(), watchers: watchers() })
    }
}

/// Prints what would be done with each stage.
pub(crate) fn print_explained(plan: &Plan, workspace: &Path) -> Result<u8> {
    say(decision::render(&engine::explain(plan, workspace)?).trim_end())?;
    Ok(base::exit::PASS)
}

/// Prints a report and says where it lies; its exit code.
pub(crate) fn print_report(report: &Report, folder: &Path, format: Format) -> Result<u8> {
    match format {
        Format::Json => say(json::render(report)?)?,
        Format::Text => say(console::render(report, console::wants_colour(stdout().is_terminal())).trim_end())?,
    }
    if stderr().is_terminal() || format == Format::Text {
        status!("report: {}", folder.join("report.html").display());
    }
    if let Some(failure) = report.failure.as_ref().filter(|failure| failure.exit_code == base::exit::INTERRUPTED) {
        let what = failure.message.lines().next().unwrap_or_default();
        status::always(format_args!("{what}; resume with: {}", to_resume()));
    }
    Ok(report.exit_code())
}
