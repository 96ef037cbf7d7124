//! `config.json` of the port.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::catalogue::{Catalogue, Heads, Objects, Sizes};
use super::names::Layout;
use crate::Config;
use base::error::{Error, Result};
use data::dataset::answers::RELEASED_ANSWERS;

/// Fields that must not be null: no tensor tells the first, and the others must agree with the tensors.
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

/// The fields that decide the model. Absent ones have the values of the port's `LxmertConfig`, which are the paper's, and so have
/// those that are null and decide nothing; others in the file are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // The names are the port's; what they size is said in `catalogue`.
pub struct HfConfig {
    pub architectures: Vec<String>,
    pub attention_probs_dropout_prob: f64,
    pub dtype: String,
    /// vqa or gqa, in what is written here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finetuning_task: Option<String>,
    pub hidden_act: String,
    pub hidden_dropout_prob: f64,
    pub hidden_size: usize,
    /// The answers' texts, where somebody wrote them; "LABEL_0" and so on are the port's own filling.
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
    /// What the port takes for a field that is not there: the paper's sizes.
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
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// Data where it is not one of the port's LXMERT, or asks for what the original cannot do.
    pub fn parse(text: &str) -> Result<Self> {
        let unreadable = |e| Error::data("its config.json cannot be read").because(e);
        let mut value: Value = serde_json::from_str(text).map_err(unreadable)?;
        if let Value::Object(fields) = &mut value {
            if let Some(name) = DECIDING.iter().find(|name| fields.get(**name) == Some(&Value::Null)) {
                return Err(Error::data(format!(
                    "its config.json says {name} is null, which decides what the model is"
                ))
                .next("put the number there that the model was trained with"));
            }
            fields.retain(|_, value| !value.is_null());
        }
        let config: Self = serde_json::from_value(value).map_err(unreadable)?;
        let wrong =
            |what: String| Err(Error::data(what).next("name a folder with an LXMERT model of Hugging Face's port"));
        if config.model_type != "lxmert" {
            return wrong(format!("its config.json is of a {:?} model, not of lxmert", config.model_type));
        }
        if config.hidden_act != "gelu" {
            return wrong(format!("its activation is {:?}; LXMERT's is \"gelu\"", config.hidden_act));
        }
        if !config.tie_word_embeddings {
            return wrong("its decoder is not tied to the word table, as LXMERT's is".into());
        }
        let heads = config.num_attention_heads;
        if heads == 0 || !config.hidden_size.is_multiple_of(heads) {
            return wrong(format!("{} hidden units cannot be split over {heads} heads", config.hidden_size));
        }
        Ok(config)
    }

    /// The text of a `config.json`.
    pub fn text(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|e| Error::bug("a configuration cannot be written").because(e))
    }

    /// The configuration of a model of `heads` attention heads.
    pub fn of(catalogue: &Catalogue, layout: Layout, heads: usize) -> Self {
        let Sizes { hidden_size, vocab_size, intermediate_size, .. } = catalogue.sizes;
        let Sizes { max_position_embeddings, type_vocab_size, l_layers, x_layers, r_layers, .. } = catalogue.sizes;
        let Sizes { visual_feat_dim, visual_pos_dim, .. } = catalogue.sizes;
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
            Heads::None => {}
            Heads::Answers { answers, .. } => config.num_qa_labels = *answers,
            Heads::Pretraining { objects, answers } => {
                config.task_qa = answers.is_some();
                config.num_qa_labels = answers.unwrap_or(config.num_qa_labels);
                config.task_obj_predict = objects.is_some();
                if let Some(Objects { objects, attributes, features }) = objects {
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

    /// Refuses sizes other than the tensors'.
    pub fn check(&self, catalogue: &Catalogue) -> Result<()> {
        let Sizes { l_layers, x_layers, r_layers, .. } = catalogue.sizes;
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
        if let Heads::Answers { answers, .. } | Heads::Pretraining { answers: Some(answers), .. } = catalogue.heads {
            pairs.push(("num_qa_labels", self.num_qa_labels, answers));
        }
        match pairs.iter().find(|(_, said, found)| said != found) {
            None => Ok(()),
            Some((name, said, found)) => {
                Err(Error::data(format!("config.json says {name} is {said}, but its tensors have {found}"))
                    .next("take config.json and weights from one model"))
            }
        }
    }

    /// The answers in the order of the head's rows, where the file tells them.
    ///
    /// # Errors
    /// Data where they are told, but not one for each row.
    pub fn answers(&self) -> Result<Option<Vec<String>>> {
        let Some(labels) = &self.id2label else { return Ok(None) };
        if labels.iter().all(|(id, label)| *label == format!("LABEL_{id}")) {
            return Ok(None);
        }
        let all: Option<Vec<String>> = (0..labels.len()).map(|id| labels.get(&id.to_string()).cloned()).collect();
        match all {
            Some(all) if all.len() == self.num_qa_labels => Ok(Some(all)),
            _ => Err(Error::data(format!(
                "config.json tells {} answers in id2label, but num_qa_labels is {}",
                labels.len(),
                self.num_qa_labels
            ))),
        }
    }

    /// Tells the answers in the order of the head's rows.
    pub fn set_answers(&mut self, answers: &[String]) {
        let labels = || answers.iter().enumerate();
        self.id2label = Some(labels().map(|(id, text)| (id.to_string(), text.clone())).collect());
        self.label2id = Some(labels().map(|(id, text)| (text.clone(), id)).collect());
    }
}
