//! What a weights file says about its model: task, sizes, answers and vocabulary, in the metadata of a safetensors file or in
//! the `config.json` of Hugging Face's port. Reads no tensors.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Config;
use crate::loading::hf::{HfConfig, HfLayout, folder};
use base::error::{Error, Result};
use checkpoint::read_metadata;
use data::dataset::Task;
use data::dataset::answers::{GQA_COVERAGE, VQA_COVERAGE};
use data::dataset::tokenizer::Tokenizer;

/// Key of the description in a safetensors file's metadata.
const KEY: &str = "lxmert_repro.model";
/// Key of the description of a pre-trained model in a safetensors file's metadata.
pub const PRETRAINING: &str = "lxmert_repro.pretraining";

/// Key of the SHA-256 ([`Tokenizer::sha256`]) of the vocabulary that a model was trained with.
pub const VOCABULARY: &str = "lxmert_repro.vocabulary";

/// The task, sizes and number of answers of a fine-tuned model, stored in its weights file so that options need not be repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelDescription {
    /// The task that its head answers.
    pub task: Task,
    /// Sizes of the model.
    pub config: Config,
    /// Number of answers of the head.
    pub answers: usize,
}

impl ModelDescription {
    /// Reads the description in a file written by this program, or derives it from the `config.json` of Hugging Face's port.
    /// `None` if the file has neither, or if the port's model has no answer head.
    ///
    /// # Errors
    /// Data if there is a description that cannot be parsed.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        if let Some(port) = folder::config_of(path)? {
            return Ok(Self::of_port(&port));
        }
        read_description(path, KEY)
    }

    /// Returns the metadata of a safetensors file with this description.
    ///
    /// # Errors
    /// Only on a bug: the description cannot be serialised.
    pub fn metadata(&self) -> Result<BTreeMap<String, String>> {
        metadata(KEY, self)
    }

    /// Checks that the model answers `task`.
    ///
    /// # Errors
    /// Usage if it answers another one.
    pub fn check_task(&self, task: Task) -> Result<()> {
        match self.task == task {
            true => Ok(()),
            false => Err(Error::usage(format!("the model answers {}, not {task}", self.task))
                .next(format!("name a model that was trained for {task}"))),
        }
    }

    /// Checks that the model fits the data: task, size of the vocabulary, width of a box's feature, and number of answers.
    ///
    /// # Errors
    /// Usage if the task differs; data, with both numbers, if a size does.
    pub fn check_fits(&self, task: Task, vocab_size: usize, visual_feat_dim: usize, answers: usize) -> Result<()> {
        let pairs = [
            ("words in its vocabulary", self.config.vocab_size, vocab_size),
            ("numbers per box", self.config.visual_feat_dim, visual_feat_dim),
            ("answers", self.answers, answers),
        ];
        self.check_task(task)?;
        match pairs.iter().find(|(_, model, data)| model != data) {
            None => Ok(()),
            Some((what, model, data)) => {
                Err(Error::data(format!("the model has {model} {what}, the data have {data}"))
                    .next("use the vocabulary, features and answer tables that the model was trained with"))
            }
        }
    }

    /// Derives a description from the port's configuration, which does not name a task. The task is the one that this program
    /// adds to files it exports, else the one with this number of answers.
    fn of_port(port: &HfConfig) -> Option<Self> {
        let kind = port.architectures.first().map(String::as_str);
        if kind.is_some_and(|kind| kind != HfLayout::QuestionAnswering.class()) {
            return None;
        }
        let task = match port.finetuning_task.as_deref().and_then(|name| name.parse().ok()) {
            Some(task) => task,
            None => task_with_answers(port.num_qa_labels)?,
        };
        Some(Self { task, config: port.into(), answers: port.num_qa_labels })
    }
}

/// Reads the description under a key of a safetensors file's metadata; `None` if it has none.
///
/// # Errors
/// Data if the description cannot be parsed; I/O if the file cannot be read.
pub fn read_description<T: DeserializeOwned>(path: &Path, key: &str) -> Result<Option<T>> {
    let Some(metadata) = read_metadata(path)? else { return Ok(None) };
    let Some(text) = metadata.get(key) else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|e| {
        Error::data(format!("cannot read the description of the model in {}", path.display()))
            .because(format!("its metadata field {key}: {e}"))
            .next("use the version of repro that wrote the file, or write the file again with this one")
    })
}

/// Returns the SHA-256 of the vocabulary that the model of a file or folder was trained with; `None` if it does not say.
///
/// # Errors
/// If the file cannot be read.
pub fn vocabulary_sha256_of(path: &Path) -> Result<Option<String>> {
    let file = match checkpoint::folder::weights_in(path) {
        Some(file) => file,
        None if path.is_dir() => return Ok(None),
        None => path.to_owned(),
    };
    Ok(read_metadata(&file)?.and_then(|mut metadata| metadata.remove(VOCABULARY)))
}

/// Checks that `tokenizer` has the vocabulary that a model was trained with. A file that names no vocabulary passes.
///
/// # Errors
/// Data, with both checksums, if it differs; I/O if the file cannot be read.
pub fn check_vocabulary(weights: &Path, tokenizer: &Tokenizer) -> Result<()> {
    match vocabulary_sha256_of(weights)? {
        Some(then) => check_vocabulary_sha256(&weights.display().to_string(), &then, tokenizer),
        None => Ok(()),
    }
}

/// Checks that `tokenizer` has the vocabulary with the SHA-256 `expected`, with which `what` was trained.
///
/// # Errors
/// Data, with both checksums.
pub fn check_vocabulary_sha256(what: &str, expected: &str, tokenizer: &Tokenizer) -> Result<()> {
    if expected == tokenizer.sha256() {
        return Ok(());
    }
    Err(Error::data(format!("{what} was trained with another vocabulary than {}", tokenizer.origin()))
        .because(format!(
            "its SHA-256 was {expected} and is {}: the same words would get other ids",
            tokenizer.sha256()
        ))
        .next("name the vocabulary that the model was trained with: --vocab FILE"))
}

/// Returns the metadata of a safetensors file with a description under `key`.
///
/// # Errors
/// Only on a bug: the description cannot be serialised.
pub fn metadata(key: &str, description: &impl Serialize) -> Result<BTreeMap<String, String>> {
    let text =
        serde_json::to_string(description).map_err(|e| Error::bug("a model cannot be read_description").because(e))?;
    Ok(BTreeMap::from([("format".to_owned(), "pt".to_owned()), (key.to_owned(), text)]))
}

/// Reads the sizes from a pre-trained model written by this program; `None` for any other file.
///
/// # Errors
/// Data if there is a description that cannot be parsed.
pub fn pretrained_config(path: &Path) -> Result<Option<Config>> {
    #[derive(Deserialize)]
    struct Sizes {
        config: Config,
    }
    Ok(read_description(path, PRETRAINING)?.map(|Sizes { config }| config))
}

/// Returns the task whose published answer list has this many entries; `None` if no list does.
pub fn task_with_answers(answers: usize) -> Option<Task> {
    match answers {
        n if n == VQA_COVERAGE.labels => Some(Task::Vqa),
        n if n == GQA_COVERAGE.labels => Some(Task::Gqa),
        _ => None,
    }
}

impl From<&HfConfig> for Config {
    fn from(port: &HfConfig) -> Self {
        Self {
            vocab_size: port.vocab_size,
            hidden_size: port.hidden_size,
            num_attention_heads: port.num_attention_heads,
            intermediate_size: port.intermediate_size,
            max_position_embeddings: port.max_position_embeddings,
            type_vocab_size: port.type_vocab_size,
            l_layers: port.l_layers,
            x_layers: port.x_layers,
            r_layers: port.r_layers,
            visual_feat_dim: port.visual_feat_dim,
            visual_pos_dim: port.visual_pos_dim,
            obj_id_num: port.num_object_labels,
            attr_id_num: port.num_attr_labels,
            hidden_dropout_prob: port.hidden_dropout_prob,
            attention_probs_dropout_prob: port.attention_probs_dropout_prob,
            initializer_range: port.initializer_range,
        }
    }
}
