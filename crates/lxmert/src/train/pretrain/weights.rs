//! Files of pre-trained weights with a description of the model, and where the first weights come from.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::Device;

use crate::model::PretrainingModel;
use crate::model::pretraining::Tasks;
use crate::train::setup::bert_for;
use crate::train::weights::{Written, with_vocabulary, write};
use base::error::Result;
use checkpoint::{self, StateDict};
use data::dataset::tokenizer::Tokenizer;
use lxmert_spec::Config;
use lxmert_spec::description::{PRETRAINING, check_vocabulary, described, metadata};
use lxmert_spec::loading::{LoadReport, Policy, locate};

/// What a file of pre-trained weights says about its model, so that it can be used without repeating options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// All sizes.
    pub config: Config,
    /// Answers of the answer head.
    pub answers: usize,
    /// The question sets that they are of; all of the table where absent.
    pub qa_sets: Option<Vec<String>>,
    /// What it was trained on. Heads of other tasks are not in the file, as in the original.
    pub tasks: Tasks,
}

impl Description {
    /// A freshly initialised model of this description.
    ///
    /// # Errors
    /// Usage for sizes that no model can have.
    pub fn model(&self, device: Device) -> Result<PretrainingModel> {
        PretrainingModel::new(&self.config, self.answers, device)
    }
}

/// The description in a file of weights, if it is a pre-trained model of ours.
///
/// # Errors
/// Where the file cannot be read or describes its model in another way.
pub fn describe(path: &Path) -> Result<Option<Description>> {
    described(path, PRETRAINING)
}

/// Writes `<folder>/<name>_LXRT.safetensors` and, where `pth`, `<folder>/<name>_LXRT.pth`: the original's state dict, with the
/// tied decoder under both its names and without heads that were not trained.
///
/// # Errors
/// Where a file cannot be written.
pub fn save(
    model: &PretrainingModel,
    folder: &Path,
    name: &str,
    description: &Description,
    vocabulary: Option<&str>,
    pth: bool,
) -> Result<Written> {
    let state: StateDict = model.state().into_iter().filter(|(name, _)| description.tasks.have(name)).collect();
    let metadata = with_vocabulary(metadata(PRETRAINING, description)?, vocabulary);
    write(&state, folder, &format!("{name}_LXRT"), metadata, pth)
}

/// Where a model's first weights come from.
#[derive(Debug, Clone, PartialEq, Eq)]
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
            Self::Whole(name) | Self::WithoutAnswers(name) => Some(locate(name, "_LXRT")?),
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

/// Makes the model with weights as `start` says, to read what `tokenizer` cuts with the vocabulary in the file `vocab`.
/// `allow_missing` lets weights be missing that should be there.
///
/// # Errors
/// What can be wrong with a checkpoint; data where it was trained with another vocabulary; sizes that no model can have.
pub fn model(
    description: &Description,
    start: &Start,
    (vocab, tokenizer): (&Path, &Tokenizer),
    seed: u64,
    allow_missing: bool,
    device: Device,
) -> Result<(PretrainingModel, Option<LoadReport>)> {
    tch::manual_seed(seed as i64);
    let model = description.model(device)?;
    let (policy, path) = match start {
        Start::Scratch => return Ok((model, None)),
        Start::Whole(name) => (Policy::Pretrained, locate(name, "_LXRT")?),
        Start::WithoutAnswers(name) => (Policy::Lxmert, locate(name, "_LXRT")?),
        Start::Bert(path) => (Policy::Bert, path.clone()),
    };
    let (state, notes) = match start {
        Start::Bert(path) => (bert_for(&description.config, vocab, path)?, Vec::new()),
        _ => {
            check_vocabulary(&path, tokenizer)?;
            let weights = lxmert_spec::loading::read_weights(&path)?;
            (weights.state, weights.notes)
        }
    };
    let mut wanted = model.parameters().shapes();
    wanted.retain(|name, _| description.tasks.have(name));
    let (state, report) = lxmert_spec::loading::plan(state, &wanted, policy, allow_missing)
        .map_err(|e| e.while_doing(format!("cannot load {}", path.display())))?;
    model.parameters().load(&state)?;
    Ok((model, Some(LoadReport { notes, ..report })))
}
