//! The options that both profiles of `repro all` share, and the printing of plans and reports.

use std::io::{IsTerminal, stderr, stdout};
use std::path::{Path, PathBuf};

use super::super::assets::OutputFormat;
use super::super::engine::EngineOptions;
use super::super::interruption::resume_command;
use super::super::number_parsers::{count, seed};
use super::super::output::print_line;
use super::super::run_worker::watchers;
use crate::pipeline::plan::Plan;
use crate::pipeline::workers::Workers;
use crate::pipeline::{decision, engine};
use base::error::Result;
use base::status;
use judge::report::{Report, console, json};
use lxmert_spec::paper::SEED;

/// The options of both profiles.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// Folder that holds the cache, the data, runs/ and their reports
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    pub workspace: PathBuf,
    /// Seed of the training
    #[arg(long, value_name = "N", default_value_t = SEED, value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// Number of CPU threads [default: demo: 2, or 1 if there is one core; paper: all cores]. A different number gives slightly
    /// different weights
    #[arg(long, value_name = "N", value_parser = count::<usize>, allow_negative_numbers = true)]
    pub threads: Option<usize>,
    /// cpu, cuda or cuda:N; auto uses a GPU if there is one [default: demo: cpu; paper: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Accepted for batch scripts: a run always reuses finished stages and resumes a training from its last snapshot
    #[arg(long)]
    pub resume: bool,
    /// Show for each stage whether it would run and why, and run nothing
    #[arg(long)]
    pub explain: bool,
    /// Show what a run would do, and run nothing. Paper: files to fetch, disk space, steps, time, and the golden values, without
    /// the network. Demo: same as --explain
    #[arg(long, conflicts_with_all = ["explain", "format"])]
    pub dry_run: bool,
    /// What to print: the verdicts as a table, or the content of report.json
    #[arg(long, value_enum, default_value = "text")]
    pub format: OutputFormat,
    #[command(flatten)]
    pub engine: EngineOptions,
}

impl Common {
    /// Returns the workers that train and answer, on this machine or in a container.
    pub(crate) fn workers(&self, device: &str) -> Result<Workers> {
        let placement = self.engine.placement("all", device, &self.workspace)?;
        Ok(Workers { placement, device: device.to_owned(), watchers: watchers() })
    }
}

/// Prints what a run would do with each stage, and returns the exit code.
pub(crate) fn print_explained(plan: &Plan, workspace: &Path) -> Result<u8> {
    print_line(decision::render(&engine::explain(plan, workspace)?).trim_end())?;
    Ok(base::exit::PASS)
}

/// Prints a report and its path, and returns the exit code of its verdict.
pub(crate) fn print_report(report: &Report, folder: &Path, format: OutputFormat) -> Result<u8> {
    match format {
        OutputFormat::Json => print_line(json::render(report)?)?,
        OutputFormat::Text => {
            print_line(console::render(report, console::wants_colour(stdout().is_terminal())).trim_end())?
        }
    }
    if stderr().is_terminal() || format == OutputFormat::Text {
        status!("report: {}", folder.join("report.html").display());
    }
    if let Some(failure) = report.failure.as_ref().filter(|failure| failure.exit_code == base::exit::INTERRUPTED) {
        let what = failure.message.lines().next().unwrap_or_default();
        status::always(format_args!("{what}; resume with: {}", resume_command()));
    }
    Ok(report.exit_code())
}
