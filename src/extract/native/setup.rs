//! Settings of the native detector, and its setup on devices.

use super::super::backend::{ExtractionDetails, NativeFacts};
use super::weights::DetectorWeights;
use crate::placement::Placement;
use base::error::Result;
use protocol::BoxNumbers;

/// How the detector is run.
#[derive(Debug, Clone, PartialEq)]
pub struct NativeSettings {
    /// Devices, one or several workers on each.
    pub devices: Vec<String>,
    /// Workers on each device.
    pub workers: usize,
    /// CPU threads of each worker. The last bits of a result depend on them, so they do not follow the number of workers.
    pub threads: usize,
    /// How many boxes an image gets.
    pub boxes: BoxNumbers,
}

/// The native detector, ready to run.
pub struct Native {
    pub(super) placement: Placement,
    pub(super) weights: DetectorWeights,
    pub(super) settings: NativeSettings,
    /// What the devices are, as far as results depend on it.
    pub(super) hardware: String,
    pub(super) details: ExtractionDetails,
}

impl Native {
    /// Creates the backend.
    ///
    /// # Errors
    /// Infra if a device is missing.
    pub fn new(placement: Placement, weights: DetectorWeights, settings: NativeSettings) -> Result<Self> {
        let mut described = Vec::new();
        for name in &settings.devices {
            described.push(placement.device(name)?.described);
        }
        described.dedup();
        let facts = NativeFacts {
            devices: settings.devices.clone(),
            hardware: described.join(", "),
            threads: settings.threads,
            boxes: settings.boxes,
            image: placement.image().map(|place| place.words()),
            versions: placement.hello()?.versions,
        };
        let details = ExtractionDetails {
            model_sha256: Some(weights.sha256.clone()),
            shards: settings.devices.len() * settings.workers,
            native: Some(facts),
            ..ExtractionDetails::default()
        };
        Ok(Self { placement, weights, settings, hardware: described.join(", "), details })
    }

    pub(super) fn lanes(&self) -> usize {
        self.details.shards
    }
}
