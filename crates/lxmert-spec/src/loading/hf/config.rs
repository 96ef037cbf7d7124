//! The `config.json` of Hugging Face's port: reads, writes and checks it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::tensor_catalogue::{EncoderSizes, ModelHeads, ObjectDecoders, TensorCatalogue};
use super::names::HfLayout;
use crate::Config;
use base::error::{Error, Result};
use data::dataset::answers::RELEASED_ANSWERS;

/// Fields that must not be null. The first is in no tensor's shape; the others must agree with the tensors.
const DECIDING: [&str; 14] = [
    "num_attention_heads",
    "hidden_size",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "type_vocab_size",
    "l_layers",
    "x_layers",
    "r_layers",
    "visual_feat_dim",
    "visual_pos_dim",
    "num_qa_labels",
    "model_type",
    "hidden_act",
];

/// The fields of a `config.json` that decide the model. A missing field has the default of the port's `LxmertConfig`, which is
/// the paper's value, and so has a null field that may be null. Other fields of the file are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // The names are the port's; the sizes are documented in `catalogue`.
pub struct HfConfig {
    pub architectures: Vec<String>,
    pub attention_probs_dropout_prob: f64,
    pub dtype: String,
    /// The task (`vqa` or `gqa`) in files that this program writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finetuning_task: Option<String>,
    pub hidden_act: String,
    pub hidden_dropout_prob: f64,
    pub hidden_size: usize,
    /// The text of each answer. The port fills it with "LABEL_0", "LABEL_1" and so on if no one sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id2label: Option<BTreeMap<String, String>>,
    pub initializer_range: f64,
    pub intermediate_size: usize,
    pub l_layers: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label2id: Option<BTreeMap<String, usize>>,
    pub max_position_embeddings: usize,
    pub model_type: String,
    pub num_attention_heads: usize,
    pub num_attr_labels: usize,
    pub num_object_labels: usize,
    pub num_qa_labels: usize,
    pub r_layers: usize,
    pub task_mask_lm: bool,
    pub task_matched: bool,
    pub task_obj_predict: bool,
    pub task_qa: bool,
    pub tie_word_embeddings: bool,
    pub type_vocab_size: usize,
    pub visual_attr_loss: bool,
    pub visual_feat_dim: usize,
    pub visual_feat_loss: bool,
    pub visual_loss_normalizer: f64,
    pub visual_obj_loss: bool,
    pub visual_pos_dim: usize,
    pub vocab_size: usize,
    pub x_layers: usize,
}

impl Default for HfConfig {
    /// Returns the port's default of each field: the paper's sizes.
    fn default() -> Self {
        let paper = Config::lxr955();
        Self {
            architectures: Vec::new(),
            attention_probs_dropout_prob: paper.attention_probs_dropout_prob,
            dtype: "float32".into(),
            finetuning_task: None,
            hidden_act: "gelu".into(),
            hidden_dropout_prob: paper.hidden_dropout_prob,
            hidden_size: paper.hidden_size,
            id2label: None,
            initializer_range: paper.initializer_range,
            intermediate_size: paper.intermediate_size,
            l_layers: paper.l_layers,
            label2id: None,
            max_position_embeddings: paper.max_position_embeddings,
            model_type: String::new(),
            num_attention_heads: paper.num_attention_heads,
            num_attr_labels: paper.attr_id_num,
            num_object_labels: paper.obj_id_num,
            num_qa_labels: RELEASED_ANSWERS,
            r_layers: paper.r_layers,
            task_mask_lm: true,
            task_matched: true,
            task_obj_predict: true,
            task_qa: true,
            tie_word_embeddings: true,
            type_vocab_size: paper.type_vocab_size,
            visual_attr_loss: true,
            visual_feat_dim: paper.visual_feat_dim,
            visual_feat_loss: true,
            visual_loss_normalizer: 6.67,
            visual_obj_loss: true,
            visual_pos_dim: paper.visual_pos_dim,
            vocab_size: paper.vocab_size,
            x_layers: paper.x_layers,
        }
    }
}

impl HfConfig {
    /// Parses a `config.json`.
    ///
    /// # Errors
    /// Data if it is not of the port's LXMERT, or needs what the original does not support.
    pub fn parse(text: &str) -> Result<Self> {
        let unreadable =
            |e| Error::data("its config.json cannot be parsed").because(e).next("download or write the folder again");
        let mut value: Value = serde_json::from_str(text).map_err(unreadable)?;
        if let Value::Object(fields) = &mut value {
            if let Some(name) = DECIDING.iter().find(|name| fields.get(**name) == Some(&Value::Null)) {
                return Err(Error::data(format!("its config.json has null for {name}, which the model depends on"))
                    .next(format!("set {name} to the value that the model was trained with")));
            }
            fields.retain(|_, value| !value.is_null());
        }
        let config: Self = serde_json::from_value(value).map_err(unreadable)?;
        let wrong =
            |what: String| Err(Error::data(what).next("name a folder with an LXMERT model of Hugging Face's port"));
        if config.model_type != "lxmert" {
            return wrong(format!("its config.json has model_type {:?}, not lxmert", config.model_type));
        }
        if config.hidden_act != "gelu" {
            return wrong(format!("its activation is {:?}; LXMERT needs \"gelu\"", config.hidden_act));
        }
        if !config.tie_word_embeddings {
            return wrong("its decoder is not tied to the word embeddings; LXMERT's is".into());
        }
        let heads = config.num_attention_heads;
        if heads == 0 || !config.hidden_size.is_multiple_of(heads) {
            return wrong(format!("its hidden size {} is not a multiple of {heads} heads", config.hidden_size));
        }
        Ok(config)
    }

    /// Returns the text of a `config.json`.
    pub fn text(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|e| Error::bug("a configuration cannot be written").because(e))
    }

    /// Returns the configuration of a model with `heads` attention heads.
    pub fn of(catalogue: &TensorCatalogue, layout: HfLayout, heads: usize) -> Self {
        let EncoderSizes { hidden_size, vocab_size, intermediate_size, .. } = catalogue.sizes;
        let EncoderSizes { max_position_embeddings, type_vocab_size, l_layers, x_layers, r_layers, .. } =
            catalogue.sizes;
        let EncoderSizes { visual_feat_dim, visual_pos_dim, .. } = catalogue.sizes;
        let mut config = Self {
            architectures: vec![layout.class().into()],
            model_type: "lxmert".into(),
            num_attention_heads: heads,
            hidden_size,
            vocab_size,
            intermediate_size,
            max_position_embeddings,
            type_vocab_size,
            l_layers,
            x_layers,
            r_layers,
            visual_feat_dim,
            visual_pos_dim,
            ..Self::default()
        };
        match &catalogue.heads {
            ModelHeads::None => {}
            ModelHeads::Answers { answers, .. } => config.num_qa_labels = *answers,
            ModelHeads::Pretraining { objects, answers } => {
                config.task_qa = answers.is_some();
                config.num_qa_labels = answers.unwrap_or(config.num_qa_labels);
                config.task_obj_predict = objects.is_some();
                if let Some(ObjectDecoders { objects, attributes, features }) = objects {
                    config.visual_obj_loss = objects.is_some();
                    config.num_object_labels = objects.unwrap_or(config.num_object_labels);
                    config.visual_attr_loss = attributes.is_some();
                    config.num_attr_labels = attributes.unwrap_or(config.num_attr_labels);
                    config.visual_feat_loss = *features;
                }
            }
        }
        config
    }

    /// Checks that the sizes are those of the tensors.
    ///
    /// # Errors
    /// Data, with the first size that differs.
    pub fn check(&self, catalogue: &TensorCatalogue) -> Result<()> {
        let EncoderSizes { l_layers, x_layers, r_layers, .. } = catalogue.sizes;
        let s = &catalogue.sizes;
        let mut pairs = vec![
            ("hidden_size", self.hidden_size, s.hidden_size),
            ("vocab_size", self.vocab_size, s.vocab_size),
            ("intermediate_size", self.intermediate_size, s.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings, s.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size, s.type_vocab_size),
            ("l_layers", self.l_layers, l_layers),
            ("x_layers", self.x_layers, x_layers),
            ("r_layers", self.r_layers, r_layers),
            ("visual_feat_dim", self.visual_feat_dim, s.visual_feat_dim),
            ("visual_pos_dim", self.visual_pos_dim, s.visual_pos_dim),
        ];
        if let ModelHeads::Answers { answers, .. } | ModelHeads::Pretraining { answers: Some(answers), .. } =
            catalogue.heads
        {
            pairs.push(("num_qa_labels", self.num_qa_labels, answers));
        }
        match pairs.iter().find(|(_, said, found)| said != found) {
            None => Ok(()),
            Some((name, said, found)) => {
                Err(Error::data(format!("config.json says {name} is {said}, but its tensors have {found}"))
                    .next("use config.json and weights of one model"))
            }
        }
    }

    /// Returns the answers in the order of the head's rows; `None` if the file does not name them.
    ///
    /// # Errors
    /// Data if there is not exactly one answer per row.
    pub fn answers(&self) -> Result<Option<Vec<String>>> {
        let Some(labels) = &self.id2label else { return Ok(None) };
        if labels.iter().all(|(id, label)| *label == format!("LABEL_{id}")) {
            return Ok(None);
        }
        let all: Option<Vec<String>> = (0..labels.len()).map(|id| labels.get(&id.to_string()).cloned()).collect();
        match all {
            Some(all) if all.len() == self.num_qa_labels => Ok(Some(all)),
            _ => Err(Error::data(format!(
                "config.json has {} answers in id2label, but num_qa_labels is {}",
                labels.len(),
                self.num_qa_labels
            ))
            .next("correct id2label or num_qa_labels")),
        }
    }

    /// Sets the answers, which are in the order of the head's rows.
    pub fn set_answers(&mut self, answers: &[String]) {
        let labels = || answers.iter().enumerate();
        self.id2label = Some(labels().map(|(id, text)| (id.to_string(), text.clone())).collect());
        self.label2id = Some(labels().map(|(id, text)| (text.clone(), id)).collect());
    }
}
