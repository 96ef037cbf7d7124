//! Chooses the extractor and makes it ready.

use std::sync::Arc;
use std::time::Duration;

use super::super::engine::EngineChoice;
use super::super::progress::board::Board;
use super::args::{Args, ExtractBackend};
use crate::extract::auto::{self, Extractor};
use crate::extract::caffe::{self, Caffe, CaffeDevice, assets};
use crate::extract::gpu_list::GpuChoice;
use crate::extract::image_sets::ImageSource;
use crate::extract::native::devices::devices;
use crate::extract::native::weights::DetectorWeights;
use crate::extract::native::{Native, NativeSettings};
use crate::images::{Role, resolve};
use crate::nvidia_smi;
use crate::placement::{self, ContainerPlace, Host, Placement};
use base::error::{Error, Result};
use base::host::cores;
use sandbox::{Engine, Gpus};

/// The extractor that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    Native,
    Caffe,
    CaffeCpu,
    Demo,
}

impl Chosen {
    /// Returns its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Caffe => "caffe",
            Self::CaffeCpu => "caffe-cpu",
            Self::Demo => "demo",
        }
    }
}

/// Returns the extractor that the arguments ask for, and why it was chosen if they leave the choice.
///
/// # Errors
/// Usage for options of another extractor; those of [`auto::choose`].
pub(super) fn choose(args: &Args) -> Result<(Chosen, Option<String>)> {
    let (chosen, why) = choice(args)?;
    if chosen == Chosen::Native && args.native.engine == EngineChoice::Host {
        args.container.refuse_without_container()?;
    }
    Ok((chosen, why))
}

fn choice(args: &Args) -> Result<(Chosen, Option<String>)> {
    match args.backend {
        ExtractBackend::Native => Ok((Chosen::Native, None)),
        ExtractBackend::Caffe => args.native.refuse("caffe").map(|()| (Chosen::Caffe, None)),
        ExtractBackend::CaffeCpu => {
            args.native.refuse("caffe-cpu")?;
            args.container.refuse_gpus()?;
            Ok((Chosen::CaffeCpu, None))
        }
        ExtractBackend::Demo => args.native.refuse("demo").map(|()| (Chosen::Demo, None)),
        ExtractBackend::Auto => {
            if let Some(option) = args.native.given() {
                return Ok((Chosen::Native, Some(format!("since {option} is for it"))));
            }
            if args.container.image.is_some() {
                return Ok((Chosen::Caffe, Some("since --image names an image for it".to_owned())));
            }
            let (extractor, why) = auto::choose(nvidia_smi::here(), &args.container.gpus())?;
            let chosen = match extractor {
                Extractor::Caffe => Chosen::Caffe,
                Extractor::Native => Chosen::Native,
            };
            Ok((chosen, Some(why)))
        }
    }
}

/// Returns the original's extractor.
///
/// # Errors
/// Those of its files, of the engine and of its GPUs.
pub(super) fn caffe(args: &Args, chosen: Chosen, source: &ImageSource, board: &Board) -> Result<Caffe> {
    let known = args.manifest.read(&args.workspace)?;
    let found = assets::find([source.script, assets::WEIGHTS], &known.manifest, &known.lock, &args.workspace)?;
    let engine = Engine::connect(&format!("extract {}", source.stem()))?;
    for removed in engine.remove_leftovers()? {
        board.print_line(&format!("removed a container of a killed run: {removed}"));
    }
    let resolved = resolve(&engine, Role::Extractor, args.container.image.as_deref(), &args.workspace)?;
    resolved.warning().iter().for_each(|warning| board.print_line(warning));
    let device = match chosen {
        Chosen::CaffeCpu => CaffeDevice::Cpu,
        _ => CaffeDevice::Gpus(args.container.gpus(), args.container.gpu_path),
    };
    let settings = caffe::CaffeSettings {
        device,
        shards: args.container.shards.map(usize::from),
        memory: args.container.memory,
        silence: Duration::from_secs(args.container.silence),
    };
    Caffe::new(engine, resolved.image, found, settings, board)
}

/// Returns the native detector.
///
/// # Errors
/// Those of its weights, of the worker and of its devices.
pub(super) fn native(args: &Args, source: &ImageSource) -> Result<Native> {
    let weights = weights(args)?;
    let placement = placement(args, &format!("extract {}", source.stem()))?;
    let devices = devices(&args.container.gpus(), &placement)?;
    let workers = match args.container.shards.map(usize::from) {
        None => 1,
        Some(workers) if workers % devices.len() == 0 => workers / devices.len(),
        Some(workers) => {
            let count = devices.len();
            return Err(Error::usage(format!("{workers} workers cannot be spread evenly over {count} devices"))
                .next(format!("pass a multiple of {count} with --workers, or fewer devices with --gpus")));
        }
    };
    let settings = NativeSettings {
        devices,
        workers,
        threads: args.native.threads.map_or_else(cores, usize::from),
        boxes: args.native.box_numbers(),
    };
    Native::new(placement, weights, settings)
}

/// Reads the weights of the native detector.
///
/// # Errors
/// Those of a missing or damaged file.
pub(super) fn weights(args: &Args) -> Result<DetectorWeights> {
    if let Some(file) = &args.native.weights {
        return DetectorWeights::read(file, None);
    }
    let known = args.manifest.read(&args.workspace)?;
    let [found] = assets::find([assets::WEIGHTS], &known.manifest, &known.lock, &args.workspace)?;
    DetectorWeights::read(&found.path, Some(found.sha256).filter(|digest| !digest.is_empty()))
}

fn placement(args: &Args, run: &str) -> Result<Placement> {
    let container = &args.container;
    match args.native.engine {
        EngineChoice::Host => Ok(Placement::Host(Host)),
        EngineChoice::Docker => {
            let options = placement::ContainerOptions {
                image: container.image.clone(),
                gpus: gpus(&container.gpus()),
                memory: container.memory,
            };
            let device = if options.gpus == Gpus::None { "cpu" } else { "auto" };
            let place = ContainerPlace::open(run, &options, device, &args.workspace)?;
            Ok(Placement::Container(Arc::new(place)))
        }
    }
}

/// Returns the GPUs that a container gets.
fn gpus(choice: &GpuChoice) -> Gpus {
    let has_gpus = || nvidia_smi::here().and_then(Result::ok).is_some_and(|listed| !listed.is_empty());
    match choice {
        GpuChoice::None => Gpus::None,
        GpuChoice::All if has_gpus() => Gpus::All,
        GpuChoice::All => Gpus::None,
        GpuChoice::Some(numbers) => Gpus::Some(numbers.iter().map(u32::to_string).collect()),
    }
}
