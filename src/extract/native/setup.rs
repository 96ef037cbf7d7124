//! Settings of the native detector, and its setup on devices.

use super::super::backend::{NativeFacts, WorkerRun};
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
    pub(super) facts: NativeFacts,
    /// What its workers did.
    pub(super) runs: Vec<WorkerRun>,
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
        Ok(Self { placement, weights, settings, facts, runs: Vec::new() })
    }

    /// Returns the number of workers at the same time.
    pub(super) fn lanes(&self) -> usize {
        self.settings.devices.len() * self.settings.workers
    }
}
