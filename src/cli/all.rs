//! `repro all`.

use std::io::{IsTerminal, stderr, stdout};
use std::path::PathBuf;

use crate::demo::Recipe;
use crate::error::{Error, Result};
use crate::files;
use crate::pipeline::demo::{self, Settings};
use crate::pipeline::{engine, explain};
use crate::report::{console, json};
use crate::versions;

/// Run a whole reproduction: data, features, training, evaluation, verdict, report.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// What to reproduce
    #[arg(long, value_enum)]
    profile: Profile,
    /// Folder that holds the cache, runs/ and their reports
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    workspace: PathBuf,
    /// Seed of the training
    #[arg(long, value_name = "N", default_value_t = 9595)]
    seed: u64,
    /// CPU threads [default: 2, or 1 where there is one core]. Another number gives slightly other weights
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Say for each stage whether it would run and why, and run nothing
    #[arg(long)]
    explain: bool,
    /// What to print: the verdicts as a table, or report.json
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Demo: another recipe than the embedded data/demo.toml
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// Demo: run this many seeds from --seed on and write golden values with them to FILE (see --record)
    #[arg(long, value_name = "N", requires = "record")]
    seeds: Option<u64>,
    /// Demo: where to write recorded golden values
    #[arg(long, value_name = "FILE", requires = "seeds")]
    record: Option<PathBuf>,
}

/// What can be reproduced.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Profile {
    /// Drawn scenes, a small model, three tasks: minutes on a laptop, no network
    Demo,
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
  repro all --profile demo                 everything, in about two minutes; again: from the cache, in a second
  repro all --profile demo --explain       why each stage would run or not
  repro all --profile demo --format json   the report for a script

The report is in <workspace>/runs/latest: report.html, report.json, report.md, junit.xml.
The exit code is the verdict: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 4 INFRA (see repro --help).";

/// Threads of the recorded golden runs.
const GOLDEN_THREADS: usize = 2;

/// Runs the profile and prints the verdicts.
pub fn run(args: Args) -> Result<u8> {
    let Profile::Demo = args.profile;
    let recipe = match &args.recipe {
        Some(path) => Recipe::parse(&files::read_text(path, 1 << 20)?)?,
        None => Recipe::embedded()?,
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = match args.threads {
        Some(0) => return Err(Error::usage("--threads must be at least 1")),
        Some(threads) => threads,
        None => GOLDEN_THREADS.min(cores),
    };
    let settings = Settings { recipe, seed: args.seed, threads, versions: versions::arithmetic() };
    if args.explain {
        let decisions = engine::explain(&demo::plan(&settings), &args.workspace)?;
        print!("{}", explain::render(&decisions));
        return Ok(crate::exit::PASS);
    }
    let mut display = |event: &crate::pipeline::journal::Event| eprintln!("{event}");
    if let (Some(file), Some(count)) = (&args.record, args.seeds) {
        let seeds: Vec<u64> = (0..count).map(|i| args.seed + i).collect();
        demo::record(&settings, demo::golden()?, &seeds, &args.workspace, file, &mut display)?;
        println!("{}", file.display());
        return Ok(crate::exit::PASS);
    }
    let (report, folder) = demo::run(&settings, &demo::golden()?, &args.workspace, &mut display)?;
    match args.format {
        Format::Json => println!("{}", json::render(&report)?),
        Format::Text => {
            print!("{}", console::render(&report, console::wants_colour(stdout().is_terminal())));
        }
    }
    if stderr().is_terminal() || args.format == Format::Text {
        eprintln!("report: {}", folder.join("report.html").display());
    }
    Ok(report.exit_code())
}
