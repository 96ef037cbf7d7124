//! Where a pre-trained model's first weights come from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use base::error::Result;
use lxmert_spec::loading::locate;
use lxmert_spec::weights_names::PRETRAINED_SUFFIX;

/// Where a model's first weights come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Drawn from N(0, 0.02²).
    Scratch,
    /// A whole pre-trained model (`--load`).
    Whole(String),
    /// A pre-trained model but for its answer head (`--loadLXMERT`).
    WithoutAnswers(String),
    /// BERT's weights for the language side: a release's archive, folder or `pytorch_model.bin`.
    Bert(PathBuf),
}

impl Start {
    /// The checkpoint of ours that may say its sizes, if there is one.
    ///
    /// # Errors
    /// Data where a name leads to none.
    pub fn checkpoint(&self) -> Result<Option<PathBuf>> {
        Ok(match self {
            Self::Scratch | Self::Bert(_) => None,
            Self::Whole(name) | Self::WithoutAnswers(name) => Some(locate(name, PRETRAINED_SUFFIX)?),
        })
    }

    /// The option that names it and the name, to tell runs apart.
    pub fn described(&self) -> Value {
        match self {
            Self::Scratch => json!({ "--from-scratch": true }),
            Self::Whole(name) => json!({ "--load": name }),
            Self::WithoutAnswers(name) => json!({ "--load-lxmert": name }),
            Self::Bert(path) => json!({ "--bert": path }),
        }
    }
}
