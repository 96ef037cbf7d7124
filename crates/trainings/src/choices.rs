//! Choices of a training or a prediction that are one word each.

use serde::{Deserialize, Serialize};

pub use lxmert_spec::recipe::Optim;

/// What is averaged where several models answer together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Average {
    /// Probabilities: the sigmoid of VQA's and GQA's scores, the softmax of NLVR2's
    #[default]
    Probabilities,
    /// The scores before that
    Logits,
}

/// What is left out of the input, to see what the rest alone can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ablation {
    /// Features and boxes are zero: a question-only model.
    Vision,
    /// Every sentence is empty: an image-only model.
    Language,
}
