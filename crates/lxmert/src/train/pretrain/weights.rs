//! Saves a pre-training model's weights with a description of the model, and builds a model with its initial weights.

use std::path::Path;

use tch::Device;

use crate::model::PretrainingModel;
use crate::train::loading::read_bert;
use crate::train::weights::{with_vocabulary, write};
use base::error::Result;
use checkpoint::{self, StateDict};
use data::dataset::tokenizer::Tokenizer;
use lxmert_spec::description::{PRETRAINING, check_vocabulary, metadata};
use lxmert_spec::loading::{LoadPolicy, LoadReport, locate};
use lxmert_spec::weights_names::PRETRAINED_SUFFIX;
use trainings::pretrain::description::PretrainedDescription;
use trainings::pretrain::initial_weights::PretrainInitialWeights;
use trainings::weights_digests::WeightsDigests;

/// Writes `<folder>/<name>_LXRT.safetensors` and, if `pth`, `<folder>/<name>_LXRT.pth`: the original's state dict, with the tied
/// decoder under both its names and without heads that were not trained. Returns the digests of the files.
///
/// # Errors
/// If a file cannot be written.
pub fn save(
    model: &PretrainingModel,
    folder: &Path,
    name: &str,
    description: &PretrainedDescription,
    vocabulary: Option<&str>,
    pth: bool,
) -> Result<WeightsDigests> {
    let state: StateDict =
        model.state().into_iter().filter(|(name, _)| description.tasks.has_parameter(name)).collect();
    let metadata = with_vocabulary(metadata(PRETRAINING, description)?, vocabulary);
    write(&state, folder, &format!("{name}_LXRT"), metadata, pth)
}

/// Builds the model with the initial weights `start`; random ones are drawn with `seed`. `tokenizer` has the vocabulary of the file
/// `vocab`. `allow_missing` permits weights to be missing in a checkpoint. Returns what was loaded; `None` for random weights.
///
/// # Errors
/// Those of reading a checkpoint; data if it was trained with another vocabulary; usage if no model can have these sizes.
pub fn load_model(
    description: &PretrainedDescription,
    start: &PretrainInitialWeights,
    (vocab, tokenizer): (&Path, &Tokenizer),
    seed: u64,
    allow_missing: bool,
    device: Device,
) -> Result<(PretrainingModel, Option<LoadReport>)> {
    tch::manual_seed(seed as i64);
    let model = PretrainingModel::new(&description.config, description.answers, device)?;
    let (policy, path) = match start {
        PretrainInitialWeights::Scratch => return Ok((model, None)),
        PretrainInitialWeights::Whole(name) => (LoadPolicy::Pretrained, locate(name, PRETRAINED_SUFFIX)?),
        PretrainInitialWeights::WithoutAnswers(name) => (LoadPolicy::Lxmert, locate(name, PRETRAINED_SUFFIX)?),
        PretrainInitialWeights::Bert(path) => (LoadPolicy::Bert, path.clone()),
    };
    let (state, notes) = match start {
        PretrainInitialWeights::Bert(path) => (read_bert(&description.config, vocab, path)?, Vec::new()),
        _ => {
            check_vocabulary(&path, tokenizer)?;
            let weights = lxmert_spec::loading::read_weights(&path)?;
            (weights.state, weights.notes)
        }
    };
    let mut wanted = model.parameters().shapes();
    wanted.retain(|name, _| description.tasks.has_parameter(name));
    let (state, report) = lxmert_spec::loading::map_checkpoint(state, &wanted, policy, allow_missing)
        .map_err(|e| e.while_doing(format!("cannot load {}", path.display())))?;
    model.parameters().load(&state)?;
    Ok((model, Some(LoadReport { notes, ..report })))
}
