//! `repro all --profile paper`.

use std::path::PathBuf;
use std::rc::Rc;

use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::super::assets::{ManifestOptions, NetworkOptions};
use super::super::first_look::{Named, look};
use super::super::output::say;
use super::super::progress::assets::Display;
use super::common::{Common, print_explained, print_report};
use crate::pipeline::journal::Event;
use crate::pipeline::paper::{self, Assets, ComputeSettings, FineTuner, LibtorchTuner, Model, PaperSettings, forecast};
use base::error::Result;
use base::host::cores;
use base::status;
use data::dataset::{Scale, Task};
use data::features::Precision;
use judge::grade::golden::GoldenFile;
use judge::verdict::published::Published;
use lxmert_spec::Config;
use lxmert_spec::paper::MODEL;

/// Options of the paper's reproduction alone.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Paper")]
pub(super) struct PaperOptions {
    /// Tasks to reproduce [default: vqa,gqa,nlvr2]; only what they read is fetched
    #[arg(long, value_name = "TASK", value_delimiter = ',')]
    task: Vec<Task>,
    /// Another model, for a trial; --manifest must then name weights that fit [default: lxr955, the paper's]
    #[arg(long, value_name = "PRESET", value_parser = PossibleValuesParser::new(Config::preset_names()))]
    model: Option<String>,
    /// Train on the first 512 images of each feature file only, for a trial
    #[arg(long)]
    tiny: bool,
    /// Train on the first 5000 images of each feature file only, for a trial
    #[arg(long)]
    fast: bool,
    /// Keep features as half precision in the stores (half the disk; not the published settings)
    #[arg(long)]
    half_features: bool,
    /// cpu, cuda or cuda:N; auto takes a GPU where there is one [default: auto]
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Take files that were downloaded by hand into DIR before fetching the others; they stay where they are
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Remove an archive as soon as everything in it is unpacked and right
    #[arg(long)]
    drop_archives: bool,
    #[command(flatten)]
    manifest: ManifestOptions,
    #[command(flatten)]
    network: NetworkOptions,
}

impl PaperOptions {
    /// The first that is given, of those without a default.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [
            ("--task", !self.task.is_empty()),
            ("--model", self.model.is_some()),
            ("--tiny", self.tiny),
            ("--fast", self.fast),
            ("--half-features", self.half_features),
            ("--device", self.device.is_some()),
            ("--from", self.from.is_some()),
            ("--drop-archives", self.drop_archives),
            ("--manifest", self.manifest.manifest.is_some()),
            ("--lock", self.manifest.lock.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }
}

/// Runs, explains or forecasts.
pub(super) fn run(args: &Common, options: &PaperOptions) -> Result<u8> {
    let from = options.from.as_deref().map(Named::Folder);
    look(from.into_iter().chain([Named::OutputFolder(&args.workspace)]))?;
    let name_of_device = options.device.as_deref().unwrap_or("auto");
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
            network: options.network.patience(),
            drop_archives: options.drop_archives,
            observers: Rc::new(|| Box::new(Display::beside())),
        },
        tasks,
        model: Model { config: json!(Config::preset(&name)?), name },
        scale: Scale::from_flags(options.tiny, options.fast),
        precision: Precision::from_flag(options.half_features),
        seed: args.seed,
        machine: ComputeSettings { device, threads: args.threads.unwrap_or_else(cores), versions },
    });
    if args.dry_run {
        say(forecast::page(&settings, &forecast::ForecastFacts::of(&settings)?, &Published::embedded()?)?.trim_end())?;
        return Ok(base::exit::PASS);
    }
    if args.explain {
        return print_explained(&paper::plan(&settings, &tuner)?, &args.workspace);
    }
    let golden = GoldenFile::of_profile(Some(paper::PROFILE))?;
    let mut display = |event: &Event| status!("{event}");
    let (report, folder) = paper::run(&settings, &tuner, &golden, &mut display)?;
    print_report(&report, &folder, args.format)
}
