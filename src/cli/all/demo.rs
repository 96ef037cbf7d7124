//! `repro all --profile demo`: runs the whole chain on drawn scenes, or records golden values of it.

use std::path::PathBuf;

use super::super::named_inputs::{NamedInput, check_inputs};
use super::super::number_parsers::count;
use super::super::output::print_line;
use super::common::{Common, print_explained, print_report};
use crate::pipeline::demo::{self, DemoSettings};
use crate::pipeline::journal::Event;
use base::error::{Error, Result};
use base::host::cores;
use base::{files, status};
use judge::grade::deviations;
use judge::grade::golden::{Content, GoldenFile};
use judge::verdict::golden::GoldenRuns;
use lxmert_spec::demo::DemoRecipe;

/// Number of threads of the recorded golden runs.
const GOLDEN_THREADS: usize = 2;
/// Name of the device of the recorded golden runs, and the default.
const CPU: &str = "cpu";

/// The options of the profile `demo`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Demo")]
pub(super) struct DemoOptions {
    /// Recipe to use instead of the embedded data/demo.toml
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// Run this many seeds, the first being --seed, and write golden values (see --record)
    #[arg(long, value_name = "N", value_parser = count::<u64>, allow_negative_numbers = true, requires = "record")]
    seeds: Option<u64>,
    /// File to write the recorded golden values to
    #[arg(long, value_name = "FILE", requires = "seeds")]
    record: Option<PathBuf>,
    /// Judge by golden values that --record wrote with the same recipe [default: the embedded ones]
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    golden: Option<String>,
}

impl DemoOptions {
    /// Returns the first option that is given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [
            ("--recipe", self.recipe.is_some()),
            ("--seeds", self.seeds.is_some()),
            ("--golden", self.golden.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }

    /// Returns the golden values to judge by.
    ///
    /// # Errors
    /// Usage if the file holds no recorded runs, or runs with a different recipe.
    fn golden(&self, recipe: &DemoRecipe) -> Result<(GoldenFile, GoldenRuns)> {
        let name = self.golden.as_deref().unwrap_or(demo::PROFILE);
        let file = GoldenFile::load(name)?;
        let Content::Recorded(golden) = file.content.clone() else {
            return Err(Error::usage(format!("{name} holds no recorded runs")).next("name a file that --record wrote"));
        };
        if self.golden.is_some() && deviations::recipe(&golden)? != *recipe {
            return Err(Error::usage(format!("the runs in {name} were recorded with a different recipe"))
                .next("pass their recipe with --recipe, or record runs with this one: --seeds 10 --record FILE"));
        }
        Ok((file, golden))
    }
}

/// Runs the profile, prints the plan, or records golden values.
pub(super) fn run(args: &Common, options: &DemoOptions) -> Result<u8> {
    let recipe = match &options.recipe {
        Some(path) => DemoRecipe::parse(&files::read_text(path, 1 << 20)?)?,
        None => DemoRecipe::embedded()?,
    };
    let record = options.record.as_deref().map(NamedInput::OutputFile);
    check_inputs(record.into_iter().chain([NamedInput::OutputFolder(&args.workspace)]))?;
    let threads = args.threads.unwrap_or_else(|| GOLDEN_THREADS.min(cores()));
    let name_of_device = args.device.as_deref().unwrap_or(CPU);
    let workers = args.workers(name_of_device)?;
    let mut versions = workers.placement.hello()?.versions;
    if name_of_device != CPU {
        let device = workers.placement.device(name_of_device)?;
        // A GPU rounds differently, as another version of a library does.
        if device.name != CPU {
            versions.insert("device".to_owned(), device.described);
        }
    }
    let settings = DemoSettings { recipe, seed: args.seed, threads, versions, workers };
    if args.explain || args.dry_run {
        return print_explained(&demo::plan(&settings), &args.workspace);
    }
    let (file, golden) = options.golden(&settings.recipe)?;
    let mut display = |event: &Event| status!("{event}");
    if let (Some(output), Some(count)) = (&options.record, options.seeds) {
        let seeds: Vec<u64> = (0..count).map(|i| args.seed + i).collect();
        demo::record(&settings, golden, &seeds, &args.workspace, output, &mut display)?;
        print_line(output.display().to_string())?;
        return Ok(base::exit::PASS);
    }
    let (report, folder) = demo::run(&settings, &file, &args.workspace, &mut display)?;
    print_report(&report, &folder, args.format)
}
