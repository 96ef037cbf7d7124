//! The arguments of `repro all`, and the choice of the profile.

use super::common::Common;
use super::{demo, paper};
use base::error::{Error, Result};

/// Run a whole reproduction: data, features, training, evaluation, verdict, report.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Profile to reproduce
    #[arg(long, value_enum)]
    profile: Profile,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    demo: demo::DemoOptions,
    #[command(flatten)]
    paper: paper::PaperOptions,
}

/// A reproduction.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Profile {
    /// Drawn scenes, a small model and three tasks: minutes on a laptop, no network
    Demo,
    /// The published data and weights, the paper's model and its three fine-tunings: hundreds of gigabytes, hours on a
    /// GPU
    Paper,
}

const AFTER_HELP: &str = "\
Examples:
  repro all --profile demo                 run everything in about two minutes; a second time takes a second
  repro all --profile demo --explain       show why each stage would run or not
  repro all --profile demo --format json   print the report for a script
  repro all --profile demo --device cuda   train and answer on a GPU; a CPU is the default
  repro all --profile demo --engine docker  run in a container of the training image
  repro all --profile paper --dry-run      show files, disk space, steps and time
  repro all --profile paper --task nlvr2   reproduce one task of the paper
  repro all --profile paper --resume       resume after an interruption

The report is in <workspace>/runs/latest: report.html, report.json, report.md, junit.xml, attestation.intoto.json. If every
stage is up to date, nothing runs and the existing report stays.

The exit code is the verdict: 0 PASS, 1 FAIL, 3 INCONCLUSIVE; or the class of the error (see repro --help).";

/// Runs the profile and prints the verdicts.
pub(crate) fn run(args: Args) -> Result<u8> {
    let (foreign, owner) = match args.profile {
        Profile::Demo => (args.paper.given(), "paper"),
        Profile::Paper => (args.demo.given(), "demo"),
    };
    if let Some(option) = foreign {
        return Err(Error::usage(format!("{option} is only for --profile {owner}")).next(format!("omit {option}")));
    }
    match args.profile {
        Profile::Demo => demo::run(&args.common, &args.demo),
        Profile::Paper => paper::run(&args.common, &args.paper),
    }
}
