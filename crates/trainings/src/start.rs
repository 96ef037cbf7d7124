//! Where a task model's first weights come from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use base::error::Error;

/// Where a model's first weights come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Drawn from N(0, 0.02²).
    Scratch,
    /// A fine-tuned model of the same task (`--load`).
    FineTuned(String),
    /// The encoder of a pre-trained model (`--loadLXMERT`).
    Lxmert(String),
    /// Encoder and answer head of a pre-trained model (`--loadLXMERTQA`).
    LxmertQa(String),
    /// BERT's weights for the language side: what [`lxmert_spec::loading::bert_weights`] takes.
    Bert(PathBuf),
}

impl Start {
    /// The option that names it and the name, to tell runs apart.
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

/// The error of `--load-lxmert-qa` for NLVR2.
pub fn no_answers_to_load() -> Error {
    Error::usage("NLVR2 has no answers to load from a question answering head").next("use --load-lxmert for NLVR2")
}
