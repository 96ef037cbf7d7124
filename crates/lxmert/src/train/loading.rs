//! Builds a task model from a description and its initial weights, for training, answering and the demo.

use std::path::Path;

use tch::Device;

use super::weights;
use crate::model::TaskModel;
use base::error::{Error, Result};
use base::files;
use checkpoint::StateDict;
use data::dataset::Task;
use data::dataset::answers::{AnswerTable, Coverage, GQA_COVERAGE, VQA_COVERAGE};
use lxmert_spec::Config;
use lxmert_spec::ModelDescription;
use lxmert_spec::description::check_vocabulary;
use lxmert_spec::loading::{LoadPolicy, LoadReport, bert_weights, hf, locate};
use lxmert_spec::weights_names::PRETRAINED_SUFFIX;
use trainings::initial_weights::InitialWeights;
use trainings::task_loader::TaskLoader;

/// Limit of a vocabulary; the largest published one has 1 MB.
const LARGEST_VOCAB: u64 = 16 << 20;

/// Builds the model with the initial weights `start`; random ones are drawn with `seed`. `allow_missing` permits the encoder's
/// weights to be missing in a checkpoint. Returns what was loaded; `None` for random weights.
///
/// # Errors
/// Those of reading a checkpoint; data if it does not fit the model, the vocabulary or the answers.
pub fn load_model(
    description: &ModelDescription,
    start: &InitialWeights,
    loader: &TaskLoader,
    seed: u64,
    allow_missing: bool,
    device: Device,
) -> Result<(TaskModel, Option<LoadReport>)> {
    tch::manual_seed(seed as i64);
    let model = weights::new_model(description, device)?;
    let load = |path: &Path, policy| {
        check_vocabulary(path, loader.tokenizer())?;
        weights::load(&model, path, policy, allow_missing)
    };
    let report = match start {
        InitialWeights::Scratch => None,
        InitialWeights::FineTuned(name) => {
            let path = locate(name, "")?;
            if let Some(labels) = loader.labels() {
                hf::answers::check(&path, labels.answers().iter().map(String::as_str))?;
            }
            Some(load(&path, LoadPolicy::FineTuned)?)
        }
        InitialWeights::Lxmert(name) => Some(load(&locate(name, PRETRAINED_SUFFIX)?, LoadPolicy::Lxmert)?),
        InitialWeights::Bert(path) => {
            let state = read_bert(&description.config, &loader.settings().vocab, path)?;
            Some(weights::apply(&model, state, path, LoadPolicy::Bert, allow_missing)?)
        }
        InitialWeights::LxmertQa(name) => {
            Some(load_qa(&model, &locate(name, PRETRAINED_SUFFIX)?, loader, allow_missing)?)
        }
    };
    Ok((model, report))
}

/// Reads BERT's weights for a model with these sizes and this vocabulary.
///
/// # Errors
/// Those of reading the files; data if BERT has other sizes or another vocabulary.
pub(super) fn read_bert(config: &Config, vocab: &Path, path: &Path) -> Result<StateDict> {
    let bert = bert_weights(path)?;
    if let Some(told) = &bert.config {
        let sizes = [
            ("vocab_size", told.vocab_size, config.vocab_size),
            ("hidden_size", told.hidden_size, config.hidden_size),
            ("num_attention_heads", told.num_attention_heads, config.num_attention_heads),
            ("intermediate_size", told.intermediate_size, config.intermediate_size),
            ("max_position_embeddings", told.max_position_embeddings, config.max_position_embeddings),
            ("type_vocab_size", told.type_vocab_size, config.type_vocab_size),
        ];
        if let Some((name, bert, model)) = sizes.into_iter().find(|(_, bert, model)| bert != model) {
            return Err(Error::data(format!(
                "BERT and the model have different sizes: {name} is {bert} in {}, and {model} in the model",
                path.display()
            ))
            .next("choose the model's sizes with --model or --config, or another BERT"));
        }
    }
    if let Some(theirs) = &bert.vocab {
        let ours = files::read_text(vocab, LARGEST_VOCAB)?;
        if !ours.lines().eq(theirs.lines()) {
            return Err(Error::data(format!("{} is not the vocabulary of {}", vocab.display(), path.display()))
                .next("name BERT's own vocab.txt with --vocab"));
        }
    }
    Ok(bert.state)
}

fn load_qa(model: &TaskModel, path: &Path, loader: &TaskLoader, allow_missing: bool) -> Result<LoadReport> {
    check_vocabulary(path, loader.tokenizer())?;
    let settings = loader.settings();
    let Some(labels) = loader.labels() else {
        return Err(trainings::initial_weights::no_answers_to_load());
    };
    let table = AnswerTable::load(&settings.data_root)?;
    hf::answers::check(path, (0..table.len()).filter_map(|id| table.answer(id)))?;
    let rows = table.rows_of_labels(labels);
    let released: Coverage = if settings.task == Task::Vqa { VQA_COVERAGE } else { GQA_COVERAGE };
    let coverage = table.check_coverage(&rows, released)?;
    let policy = LoadPolicy::LxmertQa { rows: &rows, expected_loaded: Some(coverage.found) };
    weights::load(model, path, policy, allow_missing)
}
