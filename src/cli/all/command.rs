//! Arguments of `repro all`, and the choice of the profile.

use super::common::Common;
use super::{demo, paper};
use base::error::{Error, Result};

/// Run a whole reproduction: data, features, training, evaluation, verdict, report.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// What to reproduce
    #[arg(long, value_enum)]
    profile: Profile,
    #[command(flatten)]
    common: Common,
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
pub(crate) fn run(args: Args) -> Result<u8> {
    let (foreign, owner) = match args.profile {
        Profile::Demo => (args.paper.given(), "paper"),
        Profile::Paper => (args.demo.given(), "demo"),
    };
    if let Some(option) = foreign {
        return Err(Error::usage(format!("{option} belongs to --profile {owner}")).next("leave it out"));
    }
    match args.profile {
        Profile::Demo => demo::run(&args.common, &args.demo),
        Profile::Paper => paper::run(&args.common, &args.paper),
    }
}
