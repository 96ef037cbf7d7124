//! `repro all`.

mod demo;
mod paper;

use std::io::{IsTerminal, stderr, stdout};
use std::path::{Path, PathBuf};

use super::compute::watchers;
use super::engine::EngineOptions;
use super::say;
use super::stopping::to_resume;
use super::values::{count, seed};
use crate::pipeline::plan::Plan;
use crate::pipeline::workers::Workers;
use crate::pipeline::{engine, explain};
use base::error::{Error, Result};
use base::tell;
use judge::report::{Report, console, json};

/// Run a whole reproduction: data, features, training, evaluation, verdict, report.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// What to reproduce
    #[arg(long, value_enum)]
    profile: Profile,
    /// Folder that holds the cache, the data, runs/ and their reports
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    workspace: PathBuf,
    /// Seed of the training
    #[arg(long, value_name = "N", default_value_t = 9595, value_parser = seed, allow_negative_numbers = true)]
    seed: u64,
    /// CPU threads [default: demo: 2, or 1 where there is one core; paper: all cores]. Another number gives slightly
    /// other weights
    #[arg(long, value_name = "N", value_parser = count::<usize>, allow_negative_numbers = true)]
    threads: Option<usize>,
    /// Go on with what an earlier run left: finished stages are taken, a training continues from its last snapshot. A run
    /// does so anyway, so a batch script can always pass it
    #[arg(long)]
    resume: bool,
    /// Say for each stage whether it would run and why, and run nothing
    #[arg(long)]
    explain: bool,
    /// Say what a run would do, and do nothing. Paper: what is fetched, disk, steps, time, and what judges it, without
    /// a network; demo: as --explain
    #[arg(long, conflicts_with_all = ["explain", "format"])]
    dry_run: bool,
    /// What to print: the verdicts as a table, or report.json
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    demo: demo::DemoOptions,
    #[command(flatten)]
    paper: paper::PaperOptions,
}

/// What can be reproduced.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Profile {
    /// Drawn scenes, a small model, three tasks: minutes on a laptop, no network
    Demo,
    /// The published data and weights, the paper's model and its three fine-tunings: hundreds of gigabytes, hours on a
    /// GPU
    Paper,
}

/// Form of the result on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table for a person
    Text,
    /// The report as JSON
    Json,
}

const AFTER_HELP: &str = "\
Examples:
  repro all --profile demo                 everything, in about two minutes; again in a second
  repro all --profile demo --explain       why each stage would run or not
  repro all --profile demo --format json   the report for a script
  repro all --profile demo --engine docker the same in the training image, isolated
  repro all --profile paper --dry-run      what it takes: files, disk, steps, time
  repro all --profile paper --task nlvr2   one task of the paper
  repro all --profile paper --resume       after a break: goes on where it stopped

The report is in <workspace>/runs/latest: report.html, report.json, report.md, junit.xml, attestation.intoto.json. Where every
stage is up to date, nothing is done and the report of the run that did the work stands.
The exit code is the verdict: 0 PASS, 1 FAIL, 3 INCONCLUSIVE; or the class of what stopped the run (see repro --help).";

/// Runs the profile and prints the verdicts.
pub fn run(args: Args) -> Result<u8> {
    let (foreign, owner) = match args.profile {
        Profile::Demo => (args.paper.given(), "paper"),
        Profile::Paper => (args.demo.given(), "demo"),
    };
    if let Some(option) = foreign {
        return Err(Error::usage(format!("{option} belongs to --profile {owner}")).next("leave it out"));
    }
    match args.profile {
        Profile::Demo => demo::run(&args),
        Profile::Paper => paper::run(&args),
    }
}

impl Args {
    /// Who trains and answers, on this machine or in an image.
    fn workers(&self, device: &str) -> Result<Workers> {
        let placement = self.engine.placement("all", device, &self.workspace)?;
        Ok(Workers { placement, device: device.to_owned(), watchers: watchers() })
    }
}

/// Prints what would be done with each stage.
fn print_explained(plan: &Plan, workspace: &Path) -> Result<u8> {
    say(explain::render(&engine::explain(plan, workspace)?).trim_end())?;
    Ok(base::exit::PASS)
}

/// Prints a report and says where it lies; its exit code.
fn print_report(report: &Report, folder: &Path, format: Format) -> Result<u8> {
    match format {
        Format::Json => say(json::render(report)?)?,
        Format::Text => say(console::render(report, console::wants_colour(stdout().is_terminal())).trim_end())?,
    }
    if stderr().is_terminal() || format == Format::Text {
        tell!("report: {}", folder.join("report.html").display());
    }
    if let Some(failure) = report.failure.as_ref().filter(|failure| failure.exit_code == base::exit::INTERRUPTED) {
        let what = failure.message.lines().next().unwrap_or_default();
        tell!("{what}; resume with: {}", to_resume());
    }
    Ok(report.exit_code())
}
