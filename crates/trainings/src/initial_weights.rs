//! The initial weights of a task model.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use base::error::Error;

/// The source of a task model's initial weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialWeights {
    /// Random weights (`--from-scratch`), drawn from a normal distribution.
    Scratch,
    /// A fine-tuned model of the same task (`--load`).
    FineTuned(String),
    /// The encoder of a pre-trained model (`--loadLXMERT`).
    Lxmert(String),
    /// Encoder and answer head of a pre-trained model (`--loadLXMERTQA`).
    LxmertQa(String),
    /// BERT's weights for the language layers (`--bert`): a path that [`lxmert_spec::loading::bert_weights`] accepts.
    Bert(PathBuf),
}

impl InitialWeights {
    /// Returns the option that selects it with its value, as part of a run's identity.
    pub fn described(&self) -> Value {
        match self {
            Self::Scratch => json!({ "--from-scratch": true }),
            Self::FineTuned(name) => json!({ "--load": name }),
            Self::Lxmert(name) => json!({ "--load-lxmert": name }),
            Self::LxmertQa(name) => json!({ "--load-lxmert-qa": name }),
            Self::Bert(path) => json!({ "--bert": path }),
        }
    }
}

/// Returns the error of `--load-lxmert-qa` for NLVR2.
pub fn no_answers_to_load() -> Error {
    Error::usage("--load-lxmert-qa cannot be used for NLVR2, whose answers are not in the pre-trained answer head")
        .next("use --load-lxmert, which loads the encoder alone")
}
