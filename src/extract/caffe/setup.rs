//! Settings of the original's extractor, and its setup on a container engine.

use std::time::Duration;

use super::assets::VerifiedFile;
use super::gpus;
use crate::extract::backend::ExtractionDetails;
use crate::extract::gpu_list::GpuChoice;
use base::error::Result;
use base::progress::Observer;
use sandbox::{Engine, GpuPath, Image};

/// How the extractor is run.
#[derive(Debug, Clone, PartialEq)]
pub struct CaffeSettings {
    /// GPUs to use.
    pub gpus: GpuChoice,
    /// How containers access them.
    pub gpu_path: GpuPath,
    /// Number of parallel containers; `None` for one per GPU.
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
    /// Checks the GPUs and creates the extractor.
    ///
    /// # Errors
    /// Infra if a GPU is missing or too new.
    pub fn new(
        engine: Engine,
        image: Image,
        [script, weights]: [VerifiedFile; 2],
        settings: CaffeSettings,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let gpus = gpus::check(&engine, &image, &settings.gpus, settings.gpu_path, observer)?;
        let lanes = settings.shards.unwrap_or(gpus.len()).max(1);
        let details = ExtractionDetails {
            image: Some(image.clone()),
            script_sha256: Some(script.sha256.clone()),
            model_sha256: Some(weights.sha256.clone()),
            gpus,
            shards: lanes,
            ..ExtractionDetails::default()
        };
        Ok(Self { engine, image, script, weights, settings, lanes, details })
    }
}
