//! The initial weights of a pre-training.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use base::error::Result;
use lxmert_spec::loading::locate;
use lxmert_spec::weights_names::PRETRAINED_SUFFIX;

/// The source of a pre-training's initial weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PretrainInitialWeights {
    /// Random weights (`--from-scratch`), drawn from a normal distribution.
    Scratch,
    /// A whole pre-trained model (`--load`).
    Whole(String),
    /// A pre-trained model without its answer head (`--loadLXMERT`).
    WithoutAnswers(String),
    /// BERT's weights for the language layers (`--bert`): a path that [`lxmert_spec::loading::bert_weights`] accepts.
    Bert(PathBuf),
}

impl PretrainInitialWeights {
    /// Returns the path of the LXMERT checkpoint, which may state its sizes; `None` for random weights and BERT.
    ///
    /// # Errors
    /// Data if the named checkpoint does not exist.
    pub fn checkpoint(&self) -> Result<Option<PathBuf>> {
        Ok(match self {
            Self::Scratch | Self::Bert(_) => None,
            Self::Whole(name) | Self::WithoutAnswers(name) => Some(locate(name, PRETRAINED_SUFFIX)?),
        })
    }

    /// Returns the option that selects it with its value, as part of a run's identity.
    pub fn described(&self) -> Value {
        match self {
            Self::Scratch => json!({ "--from-scratch": true }),
            Self::Whole(name) => json!({ "--load": name }),
            Self::WithoutAnswers(name) => json!({ "--load-lxmert": name }),
            Self::Bert(path) => json!({ "--bert": path }),
        }
    }
}
