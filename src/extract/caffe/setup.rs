//! Settings of the original's extractor, and its setup on a container engine.

use std::time::Duration;

use super::assets::VerifiedFile;
use super::{cpu, gpus};
use crate::extract::backend::ExtractionDetails;
use crate::extract::gpu_list::GpuChoice;
use base::error::Result;
use base::progress::{Event, Observer};
use sandbox::{Engine, GpuPath, Image};

/// What Caffe computes on.
#[derive(Debug, Clone, PartialEq)]
pub enum CaffeDevice {
    /// GPUs, and how containers access them. Without any, the image decides.
    Gpus(GpuChoice, GpuPath),
    /// The processor; see [`cpu`].
    Cpu,
}

/// How the extractor is run.
#[derive(Debug, Clone, PartialEq)]
pub struct CaffeSettings {
    /// What to compute on.
    pub device: CaffeDevice,
    /// Number of parallel containers; `None` for one per GPU, or one on the processor.
    pub shards: Option<usize>,
    /// Memory limit per container in bytes.
    pub memory: Option<u64>,
    /// How long a container may be silent; the script prints a line per image.
    pub silence: Duration,
}

/// The original's extractor, ready to run on an engine.
pub struct Caffe {
    pub(super) engine: Engine,
    pub(super) image: Image,
    pub(super) script: VerifiedFile,
    pub(super) weights: VerifiedFile,
    pub(super) settings: CaffeSettings,
    pub(super) lanes: usize,
    pub(super) details: ExtractionDetails,
}

impl Caffe {
    /// Checks the GPUs, or the memory if Caffe runs on the processor, and creates the extractor.
    ///
    /// # Errors
    /// Infra if a GPU is missing or too new, or if there is too little memory.
    pub fn new(
        engine: Engine,
        image: Image,
        [script, weights]: [VerifiedFile; 2],
        settings: CaffeSettings,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let gpus = match &settings.device {
            CaffeDevice::Gpus(choice, path) => gpus::check(&engine, &image, choice, *path, observer)?,
            CaffeDevice::Cpu => Vec::new(),
        };
        let lanes = settings.shards.unwrap_or(gpus.len()).max(1);
        let on_cpu = settings.device == CaffeDevice::Cpu;
        if on_cpu && let Some(text) = cpu::check_memory(lanes, settings.memory, engine.available_memory())? {
            observer.event(&Event::Note { name: String::new(), text });
        }
        let details = ExtractionDetails {
            image: Some(image.clone()),
            script_sha256: Some(script.sha256.clone()),
            model_sha256: Some(weights.sha256.clone()),
            gpus,
            threads: on_cpu.then_some(cpu::THREADS),
            shards: lanes,
            ..ExtractionDetails::default()
        };
        Ok(Self { engine, image, script, weights, settings, lanes, details })
    }
}
