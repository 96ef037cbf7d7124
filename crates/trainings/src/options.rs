//! Options of trainings and predictions whose value is one word.

use serde::{Deserialize, Serialize};

pub use lxmert_spec::recipe::Optim;

/// What is averaged if several models answer together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Average {
    /// Probabilities: the sigmoid of VQA's and GQA's scores, the softmax of NLVR2's
    #[default]
    Probabilities,
    /// The scores before that
    Logits,
}

/// The part of the input that is hidden from the model, to measure what the rest alone can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ablation {
    /// Hides the image: features and boxes are zero. Gives a question-only model.
    Vision,
    /// Hides the sentence: every sentence is empty. Gives an image-only model.
    Language,
}
