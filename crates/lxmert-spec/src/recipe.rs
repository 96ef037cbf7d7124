//! The parts of a training recipe that the paper and the demo share: epochs, batch size, learning rate and update rule.

use serde::{Deserialize, Serialize};

/// The update rule of a training: a choice of `--optim`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optim {
    /// BertAdam (Adam without bias correction) with linear warm-up and decay.
    Bert,
    /// torch.optim.Adam.
    Adam,
    /// torch.optim.Adamax.
    Adamax,
    /// torch.optim.RMSprop.
    Rms,
    /// torch.optim.SGD.
    Sgd,
}

impl Optim {
    /// All update rules.
    pub const ALL: [Self; 5] = [Self::Bert, Self::Adam, Self::Adamax, Self::Rms, Self::Sgd];

    /// Returns its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Adam => "adam",
            Self::Adamax => "adamax",
            Self::Rms => "rms",
            Self::Sgd => "sgd",
        }
    }

    /// Returns its description for help pages.
    pub fn title(self) -> &'static str {
        match self {
            Self::Bert => "BertAdam with linear warm-up and decay",
            Self::Adam => "torch.optim.Adam",
            Self::Adamax => "torch.optim.Adamax",
            Self::Rms => "torch.optim.RMSprop",
            Self::Sgd => "torch.optim.SGD",
        }
    }
}

/// The epochs, batch size and learning rate of a training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecipe {
    /// Passes over the training data.
    pub epochs: u64,
    /// Examples per step.
    pub batch_size: usize,
    /// Peak learning rate.
    pub lr: f64,
}

impl TrainingRecipe {
    /// Returns the number of optimiser steps for this number of training examples. An epoch's incomplete last batch is dropped.
    pub fn steps(&self, examples: u64) -> u64 {
        (examples / self.batch_size as u64).saturating_mul(self.epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_has_one_name_on_the_command_line_and_in_files() {
        for optim in Optim::ALL {
            assert_eq!(serde_json::to_value(optim).unwrap(), optim.name());
        }
    }
}
