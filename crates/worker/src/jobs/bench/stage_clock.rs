//! The time of each part of the detector, told apart by the blobs that it computes.

use std::collections::BTreeMap;
use std::time::Instant;

use measure::part;
use serde_json::{Value, json};
use tch::{Cuda, Device};

/// Adds up the time between blobs for one picture after the other.
pub(super) struct StageClock {
    device: Device,
    last: Instant,
    current: BTreeMap<&'static str, f64>,
    /// Milliseconds of each counted picture.
    counted: BTreeMap<&'static str, Vec<f64>>,
}

impl StageClock {
    pub(super) fn new(device: Device) -> Self {
        Self { device, last: Instant::now(), current: BTreeMap::new(), counted: BTreeMap::new() }
    }

    /// Begins a picture.
    pub(super) fn start(&mut self) {
        self.current.clear();
        self.last = Instant::now();
    }

    /// Adds the time since the last blob to the part that this one belongs to.
    pub(super) fn saw(&mut self, blob: &str) {
        let stage = match blob {
            "data" => "input",
            "rois" => "proposals",
            "roipool5" => "roi_pooling",
            name if name.starts_with("rpn") => "rpn",
            name if name.starts_with("res5") => "res5",
            name if name.starts_with("conv") || name.starts_with("pool1") || name.starts_with("res") => "trunk",
            _ => "classes",
        };
        self.add(stage);
    }

    /// Ends a picture; what follows the last blob is the choice of boxes.
    pub(super) fn end(&mut self, counts: bool) {
        self.add("choice");
        if counts {
            for (stage, milliseconds) in std::mem::take(&mut self.current) {
                self.counted.entry(stage).or_default().push(milliseconds);
            }
        }
    }

    /// Returns median and best milliseconds of each part.
    pub(super) fn json(&self) -> Value {
        json!(self.counted.iter().map(|(stage, milliseconds)| (*stage, part(milliseconds))).collect::<BTreeMap<_, _>>())
    }

    fn add(&mut self, stage: &'static str) {
        // A GPU computes after it was asked; its work belongs to the part that asked.
        if let Device::Cuda(index) = self.device {
            Cuda::synchronize(index as i64);
        }
        *self.current.entry(stage).or_default() += self.last.elapsed().as_secs_f64() * 1e3;
        self.last = Instant::now();
    }
}
