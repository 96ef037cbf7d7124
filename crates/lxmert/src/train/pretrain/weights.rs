//! Files of pre-trained weights with a description of the model, and where the first weights come from.

use std::path::Path;

use tch::Device;

use crate::model::PretrainingModel;
use crate::train::loading::bert_for;
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

/// Writes `<folder>/<name>_LXRT.safetensors` and, where `pth`, `<folder>/<name>_LXRT.pth`: the original's state dict, with the
/// tied decoder under both its names and without heads that were not trained.
///
/// # Errors
/// Where a file cannot be written.
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

/// Makes the model with weights as `start` says, to read what `tokenizer` cuts with the vocabulary in the file `vocab`.
/// `allow_missing` lets weights be missing that should be there.
///
/// # Errors
/// What can be wrong with a checkpoint; data where it was trained with another vocabulary; sizes that no model can have.
pub fn model(
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
        PretrainInitialWeights::Bert(path) => (bert_for(&description.config, vocab, path)?, Vec::new()),
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
