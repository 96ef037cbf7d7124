//! What a weights file says about its model.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Config;
use crate::loading::hf::{HfConfig, Layout, folder};
use base::error::{Error, Result};
use checkpoint::read_metadata;
use data::dataset::Task;
use data::dataset::answers::{GQA_COVERAGE, VQA_COVERAGE};
use data::dataset::tokenizer::Tokenizer;

/// Key of the description in a safetensors file's metadata.
const KEY: &str = "lxmert_repro.model";
/// Key of the description of a pre-trained model.
pub const PRETRAINING: &str = "lxmert_repro.pretraining";

/// Key of the SHA-256 of the vocabulary that a model was trained with ([`Tokenizer::sha256`]).
pub const VOCABULARY: &str = "lxmert_repro.vocabulary";

/// What a weights file says about its model, so that it can be used without repeating options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The task its head answers.
    pub task: Task,
    /// All sizes.
    pub config: Config,
    /// Answers of the head.
    pub answers: usize,
}

impl Description {
    /// The description in a file of ours, or what the configuration of Hugging Face's port tells of a model for answers; None
    /// where there is none.
    ///
    /// # Errors
    /// Data where there is one that cannot be understood.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        if let Some(port) = folder::config_of(path)? {
            return Ok(Self::of_port(&port));
        }
        described(path, KEY)
    }

    /// The metadata of a safetensors file of this model.
    ///
    /// # Errors
    /// None but bugs.
    pub fn metadata(&self) -> Result<BTreeMap<String, String>> {
        metadata(KEY, self)
    }

    /// Refuses a model of another task.
    ///
    /// # Errors
    /// Usage.
    pub fn check_task(&self, task: Task) -> Result<()> {
        match self.task == task {
            true => Ok(()),
            false => {
                Err(Error::usage(format!("the model answers {}, not {task}", self.task))
                    .next("name a model of this task"))
            }
        }
    }

    /// Refuses a model that belongs to other data: another task, vocabulary, feature width or answer table.
    pub fn check_fits(&self, task: Task, vocab_size: usize, visual_feat_dim: usize, answers: usize) -> Result<()> {
        let pairs = [
            ("words", self.config.vocab_size, vocab_size),
            ("features a box", self.config.visual_feat_dim, visual_feat_dim),
            ("answers", self.answers, answers),
        ];
        self.check_task(task)?;
        match pairs.iter().find(|(_, model, data)| model != data) {
            None => Ok(()),
            Some((what, model, data)) => {
                Err(Error::data(format!("the model knows {model} {what}, the data have {data}"))
                    .next("use the vocabulary, features and answer tables that the model was trained with"))
            }
        }
    }

    /// The port does not say which task a model answers: the number of answers does, or what our own files say besides.
    fn of_port(port: &HfConfig) -> Option<Self> {
        let kind = port.architectures.first().map(String::as_str);
        if kind.is_some_and(|kind| kind != Layout::QuestionAnswering.class()) {
            return None;
        }
        let task = match port.finetuning_task.as_deref().and_then(|name| name.parse().ok()) {
            Some(task) => task,
            None => task_of(port.num_qa_labels)?,
        };
        Some(Self { task, config: port.into(), answers: port.num_qa_labels })
    }
}

/// The description under a key of a safetensors file's metadata; None where there is none.
///
/// # Errors
/// Where the file cannot be read; data where the description cannot be understood.
pub fn described<T: DeserializeOwned>(path: &Path, key: &str) -> Result<Option<T>> {
    let Some(metadata) = read_metadata(path)? else { return Ok(None) };
    let Some(text) = metadata.get(key) else { return Ok(None) };
    serde_json::from_str(text)
        .map(Some)
        .map_err(|e| Error::data(format!("{} describes its model in an unknown way", path.display())).because(e))
}

/// Returns the SHA-256 of the vocabulary that the model of a file or folder was trained with; `None` if it does not say.
///
/// # Errors
/// Where the file cannot be read.
pub fn vocabulary_of(path: &Path) -> Result<Option<String>> {
    let file = match checkpoint::folder::weights_in(path) {
        Some(file) => file,
        None if path.is_dir() => return Ok(None),
        None => path.to_owned(),
    };
    Ok(read_metadata(&file)?.and_then(|mut metadata| metadata.remove(VOCABULARY)))
}

/// Refuses a vocabulary other than the one that a model was trained with. A file that does not name one fits any.
///
/// # Errors
/// Data, with both checksums; where the file cannot be read.
pub fn check_vocabulary(weights: &Path, tokenizer: &Tokenizer) -> Result<()> {
    match vocabulary_of(weights)? {
        Some(then) => same_vocabulary(&weights.display().to_string(), &then, tokenizer),
        None => Ok(()),
    }
}

/// Refuses a vocabulary whose checksum is not `then`, the one of the training of `what`.
///
/// # Errors
/// Data, with both checksums.
pub fn same_vocabulary(what: &str, then: &str, tokenizer: &Tokenizer) -> Result<()> {
    if then == tokenizer.sha256() {
        return Ok(());
    }
    Err(Error::data(format!("{what} was trained with another vocabulary than {}", tokenizer.origin()))
        .because(format!(
            "the SHA-256 was {then} and is {}: the same words would get other numbers",
            tokenizer.sha256()
        ))
        .next("name the vocabulary that the model was trained with: --vocab FILE"))
}

/// The metadata of a safetensors file with a description under `key`.
///
/// # Errors
/// None but bugs.
pub fn metadata(key: &str, description: &impl Serialize) -> Result<BTreeMap<String, String>> {
    let text = serde_json::to_string(description).map_err(|e| Error::bug("a model cannot be described").because(e))?;
    Ok(BTreeMap::from([("format".to_owned(), "pt".to_owned()), (key.to_owned(), text)]))
}

/// The sizes that a file of a pre-trained model of ours tells; None for another file.
///
/// # Errors
/// Data where there is a description that cannot be understood.
pub fn pretrained_sizes(path: &Path) -> Result<Option<Config>> {
    #[derive(Deserialize)]
    struct Sizes {
        config: Config,
    }
    Ok(described(path, PRETRAINING)?.map(|Sizes { config }| config))
}

/// The task whose answer list has so many entries.
pub fn task_of(answers: usize) -> Option<Task> {
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
