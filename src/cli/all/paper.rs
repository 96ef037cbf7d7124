//! `repro all --profile paper`: reproduces the published results.

use std::path::PathBuf;
use std::rc::Rc;

use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::super::assets::{ManifestOptions, NetworkOptions};
use super::super::long_training::say_before_fine_tunings;
use super::super::named_inputs::{NamedInput, check_inputs};
use super::super::output::print_line;
use super::super::progress::assets::AssetDisplay;
use super::super::step_times::kept;
use super::common::{Common, print_explained, print_report};
use crate::pipeline::journal::Event;
use crate::pipeline::paper::{self, Assets, ComputeSettings, FineTuner, LibtorchTuner, Model, PaperSettings, forecast};
use base::error::Result;
use base::host::cores;
use base::status;
use data::dataset::{Scale, Task};
use data::features::Precision;
use judge::grade::golden::GoldenFile;
use judge::verdict::published::PublishedResults;
use lxmert_spec::Config;
use lxmert_spec::paper::MODEL;

/// The options of the profile `paper`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Paper")]
pub(super) struct PaperOptions {
    /// Tasks to reproduce [default: vqa,gqa,nlvr2]; only their files are fetched
    #[arg(long, value_name = "TASK", value_delimiter = ',')]
    task: Vec<Task>,
    /// Preset of model sizes, for a trial; --manifest must then list matching weights [default: lxr955, the paper's]
    #[arg(long, value_name = "PRESET", value_parser = PossibleValuesParser::new(Config::preset_names()))]
    model: Option<String>,
    /// Train only on the first 512 images of each feature file, for a trial
    #[arg(long)]
    tiny: bool,
    /// Train only on the first 5000 images of each feature file, for a trial
    #[arg(long)]
    fast: bool,
    /// Build feature stores in half precision (half the disk space; not the published settings)
    #[arg(long)]
    half_features: bool,
    /// Take files that were downloaded by hand into DIR before fetching the others. The files in DIR stay
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Remove each archive after its files are unpacked and verified
    #[arg(long)]
    drop_archives: bool,
    #[command(flatten)]
    manifest: ManifestOptions,
    #[command(flatten)]
    network: NetworkOptions,
}

impl PaperOptions {
    /// Returns the first option that is given, of those without a default.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [
            ("--task", !self.task.is_empty()),
            ("--model", self.model.is_some()),
            ("--tiny", self.tiny),
            ("--fast", self.fast),
            ("--half-features", self.half_features),
            ("--from", self.from.is_some()),
            ("--drop-archives", self.drop_archives),
            ("--manifest", self.manifest.manifest.is_some()),
            ("--lock", self.manifest.lock.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }
}

/// Runs the profile, or prints the plan or the forecast.
pub(super) fn run(args: &Common, options: &PaperOptions) -> Result<u8> {
    let from = options.from.as_deref().map(NamedInput::Folder);
    check_inputs(from.into_iter().chain([NamedInput::OutputFolder(&args.workspace)]))?;
    let name_of_device = args.device.as_deref().unwrap_or("auto");
    let workers = args.workers(name_of_device)?;
    let device = workers.placement.device(name_of_device)?.described;
    let versions = workers.placement.hello()?.versions;
    let tuner: Rc<dyn FineTuner> = Rc::new(LibtorchTuner { workers });
    let known = options.manifest.read(&args.workspace)?;
    let name = options.model.clone().unwrap_or_else(|| MODEL.to_owned());
    let mut tasks = Task::ALL.to_vec();
    tasks.retain(|task| options.task.is_empty() || options.task.contains(task));
    let settings = Rc::new(PaperSettings {
        workspace: args.workspace.clone(),
        assets: Assets {
            manifest: Rc::new(known.manifest),
            foreign: options.manifest.manifest.is_some(),
            lock: Rc::new(known.lock),
            from: options.from.clone(),
            jobs: options.network.jobs.into(),
            network: options.network.network(),
            drop_archives: options.drop_archives,
            observers: Rc::new(|| Box::new(AssetDisplay::beside())),
        },
        tasks,
        model: Model { config: json!(Config::preset(&name)?), name },
        scale: Scale::from_flags(options.tiny, options.fast),
        precision: Precision::from_flag(options.half_features),
        seed: args.seed,
        machine: ComputeSettings { device, threads: args.threads.unwrap_or_else(cores), versions },
    });
    if args.dry_run {
        let facts = forecast::ForecastFacts::of(&settings, kept())?;
        print_line(forecast::page(&settings, &facts, &PublishedResults::embedded()?)?.trim_end())?;
        return Ok(base::exit::PASS);
    }
    if args.explain {
        return print_explained(&paper::plan(&settings, &tuner)?, &args.workspace);
    }
    say_before_fine_tunings(&settings, &kept())?;
    let golden = GoldenFile::of_profile(Some(paper::PROFILE))?;
    let mut display = |event: &Event| status!("{event}");
    let (report, folder) = paper::run(&settings, &tuner, &golden, &mut display)?;
    print_report(&report, &folder, args.format)
}
