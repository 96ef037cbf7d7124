//! The original's extractor on an engine, ready to run.

use std::time::Duration;

use super::assets::Asset;
use super::gpus;
use crate::extract::backend::Details;
use base::error::Result;
use base::progress::Observer;
use sandbox::{Engine, GpuPath, Image};

/// How it is run.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// GPUs.
    pub gpus: gpus::Choice,
    /// The way to them.
    pub gpu_path: GpuPath,
    /// Containers at a time; none: one on each GPU.
    pub shards: Option<usize>,
    /// Memory of each container in bytes.
    pub memory: Option<u64>,
    /// How long a container may be silent; the script says something at each image.
    pub silence: Duration,
}

/// The original's extractor on an engine.
pub struct Caffe {
    pub(super) engine: Engine,
    pub(super) image: Image,
    pub(super) script: Asset,
    pub(super) weights: Asset,
    pub(super) settings: Settings,
    pub(super) lanes: usize,
    pub(super) details: Details,
}

impl Caffe {
    /// Looks for the GPUs.
    ///
    /// # Errors
    /// Infra where a GPU is missing or too new for it.
    pub fn new(
        engine: Engine,
        image: Image,
        [script, weights]: [Asset; 2],
        settings: Settings,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let gpus = gpus::check(&engine, &image, &settings.gpus, settings.gpu_path, observer)?;
        let lanes = settings.shards.unwrap_or(gpus.len()).max(1);
        let details = Details {
            image: Some(image.clone()),
            script_sha256: Some(script.sha256.clone()),
            model_sha256: Some(weights.sha256.clone()),
            gpus,
            shards: lanes,
            containers: Vec::new(),
        };
        Ok(Self { engine, image, script, weights, settings, lanes, details })
    }
}
