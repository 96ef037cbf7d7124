//! The speed that an estimate of a training's duration uses.

use std::fmt;

use super::step_time::StepTime;
use base::clock;

/// A speed, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainingSpeed {
    /// That of an earlier training.
    Training {
        /// Mean over its epochs.
        examples_per_second: f64,
        /// When it finished, UTC.
        finished: String,
    },
    /// That of steps that `repro bench train` measured.
    Steps(StepTime),
}

impl TrainingSpeed {
    /// Returns the examples per second.
    pub fn examples_per_second(&self) -> f64 {
        match self {
            Self::Training { examples_per_second, .. } => *examples_per_second,
            Self::Steps(step) => step.examples_per_second,
        }
    }

    /// Returns the seconds that this many examples take, without validation.
    pub fn seconds(&self, examples: u64, epochs: u64) -> f64 {
        examples as f64 * epochs as f64 / self.examples_per_second()
    }

    /// Returns when it was measured, such as `measured 2026-11-30`.
    pub fn origin(&self) -> String {
        match self {
            Self::Training { finished, .. } => format!("measured in the training that finished {finished}"),
            Self::Steps(step) => format!("measured {}", clock::day(&step.measured)),
        }
    }
}

/// `5.1 examples/s`.
impl fmt::Display for TrainingSpeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let speed = self.examples_per_second();
        let decimals = if speed < 0.1 { 4 } else { 1 };
        write!(f, "{speed:.decimals$} examples/s")
    }
}
