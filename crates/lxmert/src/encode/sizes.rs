//! Derives the sizes and heads of a model from the tensors of its checkpoint. Only the number of attention heads must be known from
//! elsewhere.

use std::path::Path;

use serde_json::{Value, json};

use base::error::{Error, Result};
use checkpoint::{self, StateDict};
use lxmert_spec::Config;
use lxmert_spec::loading::{ModelHeads, TensorCatalogue, hf};

/// Width of an attention head in BERT and in every published model with BERT's sizes.
const HEAD_WIDTH: usize = 64;

/// The source of the number of attention heads, which no tensor's shape shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttentionHeads {
    /// The number, from the command line or from the checkpoint's description.
    Known(usize),
    /// Unknown: derived from the width, one head per 64, as in BERT.
    FromWidth,
}

/// The sizes and heads of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSizes {
    /// Sizes of the model. Dropout is the paper's, but never used here.
    pub config: Config,
    /// Heads of the model.
    pub heads: ModelHeads,
}

impl ModelSizes {
    /// Derives the sizes from tensors with the original's names, without `module.`.
    ///
    /// # Errors
    /// Data if they are not of an LXMERT model; usage if the number of attention heads is unknown or does not divide the width.
    pub fn of(state: &StateDict, attention_heads: AttentionHeads) -> Result<(Self, TensorCatalogue)> {
        let catalogue = TensorCatalogue::of(state)?;
        let s = &catalogue.sizes;
        let paper = Config::lxr955();
        let classes = match &catalogue.heads {
            ModelHeads::Pretraining { objects: Some(objects), .. } => (objects.objects, objects.attributes),
            _ => (None, None),
        };
        let config = Config {
            vocab_size: s.vocab_size,
            hidden_size: s.hidden_size,
            num_attention_heads: attention_heads.number(s.hidden_size)?,
            intermediate_size: s.intermediate_size,
            max_position_embeddings: s.max_position_embeddings,
            type_vocab_size: s.type_vocab_size,
            l_layers: s.l_layers,
            x_layers: s.x_layers,
            r_layers: s.r_layers,
            visual_feat_dim: s.visual_feat_dim,
            visual_pos_dim: s.visual_pos_dim,
            obj_id_num: classes.0.unwrap_or(paper.obj_id_num),
            attr_id_num: classes.1.unwrap_or(paper.attr_id_num),
            ..paper
        };
        config.check()?;
        Ok((Self { config, heads: catalogue.heads.clone() }, catalogue))
    }

    /// Returns the number of images that the answer head reads with a sentence: 2 for NLVR2, else 1.
    pub fn images(&self) -> usize {
        match self.heads {
            ModelHeads::Answers { images, .. } => images.max(1),
            _ => 1,
        }
    }

    /// Returns the number of answers of the answer head; `None` without one.
    pub fn answers(&self) -> Option<usize> {
        match self.heads {
            ModelHeads::Answers { answers, .. } => Some(answers),
            ModelHeads::Pretraining { answers, .. } => answers,
            ModelHeads::None => None,
        }
    }

    /// Returns whether there are heads for masked words and matching.
    pub fn words(&self) -> bool {
        matches!(self.heads, ModelHeads::Pretraining { .. })
    }

    /// Returns whether there are heads for objects, attributes and features, in this order.
    pub fn objects(&self) -> [bool; 3] {
        match &self.heads {
            ModelHeads::Pretraining { objects: Some(o), .. } => {
                [o.objects.is_some(), o.attributes.is_some(), o.features]
            }
            _ => [false; 3],
        }
    }

    /// Returns the names of the heads, for messages.
    pub fn head_names(&self) -> Vec<String> {
        let words = if self.words() { vec!["masked words".to_owned(), "matching".to_owned()] } else { Vec::new() };
        let objects = ["objects", "attributes", "features"].into_iter().zip(self.objects());
        let objects = objects.filter(|(_, is)| *is).map(|(name, _)| name.to_owned());
        let answers = self.answers().map(|count| format!("{count} answers"));
        words.into_iter().chain(objects).chain(answers).collect()
    }

    /// Returns a description for the metadata of files.
    pub(super) fn description(&self) -> Result<Value> {
        let config =
            serde_json::to_value(&self.config).map_err(|e| Error::bug("sizes cannot be written as JSON").because(e))?;
        Ok(json!({"kind": self.kind(), "config": config, "heads": self.head_names()}))
    }

    fn kind(&self) -> &'static str {
        match self.heads {
            ModelHeads::None => "an encoder without heads",
            ModelHeads::Pretraining { .. } => "a pre-training model",
            ModelHeads::Answers { .. } => "a fine-tuned model",
        }
    }

    /// Returns a description for messages, in one line.
    pub fn summary(&self) -> String {
        let c = &self.config;
        let sizes = format!(
            "{}: {} language, {} cross-modality and {} object layers, {} wide, {} attention heads",
            self.kind(),
            c.l_layers,
            c.x_layers,
            c.r_layers,
            c.hidden_size,
            c.num_attention_heads
        );
        match self.head_names()[..] {
            [] => sizes,
            ref heads => format!("{sizes}; heads: {}", heads.join(", ")),
        }
    }
}

/// Reads the number of attention heads of a model from its description, by this program or in Hugging Face's layout.
///
/// # Errors
/// If the file or the description cannot be read.
pub fn read_attention_heads(path: &Path) -> Result<AttentionHeads> {
    if let Some(config) = hf::folder::config_of(path)? {
        return Ok(AttentionHeads::Known(config.num_attention_heads));
    }
    let metadata = checkpoint::read_metadata(path)?.unwrap_or_default();
    let number = metadata.values().find_map(|text| {
        let value: Value = serde_json::from_str(text).ok()?;
        usize::try_from(value["config"]["num_attention_heads"].as_u64()?).ok()
    });
    Ok(number.map_or(AttentionHeads::FromWidth, AttentionHeads::Known))
}

impl AttentionHeads {
    fn number(self, hidden: usize) -> Result<usize> {
        match self {
            Self::Known(number) => Ok(number),
            // With a smaller width the rule would also fit small models that have another number of heads.
            Self::FromWidth if hidden >= 2 * HEAD_WIDTH && hidden.is_multiple_of(HEAD_WIDTH) => Ok(hidden / HEAD_WIDTH),
            Self::FromWidth => Err(Error::usage(format!(
                "the number of attention heads of a model with hidden size {hidden} is unknown"
            ))
            .because("no tensor shows it, and BERT has no model of this size")
            .next("pass it with --attention-heads N")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures;

    fn of(name: &str, heads: AttentionHeads) -> Option<Result<ModelSizes>> {
        let state = lxmert_spec::loading::read(&fixtures::lxrt(name)?).unwrap();
        Some(ModelSizes::of(&state, heads).map(|(sizes, _)| sizes))
    }

    #[test]
    fn the_sizes_of_the_original_s_checkpoints_are_derived() {
        let known = AttentionHeads::Known;
        if let Some(sizes) = of("tiny/pretrain_weights.safetensors", known(4)) {
            let sizes = sizes.unwrap();
            assert_eq!(sizes.config, Config { vocab_size: 120, max_position_embeddings: 64, ..Config::tiny() });
            assert_eq!(
                (sizes.words(), sizes.objects(), sizes.answers(), sizes.images()),
                (true, [true; 3], Some(17), 1)
            );
        }
        if let Some(sizes) = of("tiny/nlvr2_weights.safetensors", known(4)) {
            let sizes = sizes.unwrap();
            assert_eq!(
                (sizes.words(), sizes.objects(), sizes.answers(), sizes.images()),
                (false, [false; 3], Some(2), 2)
            );
        }
        if let Some(sizes) = of("ckpt/micro_legacy_LXRT.pth", known(2)) {
            assert_eq!(sizes.unwrap().config.head_size(), 4);
            let error = |heads| of("ckpt/micro_legacy_LXRT.pth", heads).unwrap().unwrap_err().to_string();
            assert!(error(AttentionHeads::FromWidth).contains("--attention-heads"));
            assert!(error(known(3)).contains("3 attention heads"));
        }
    }

    #[test]
    fn heads_follow_from_the_width_only_if_bert_s_rule_holds() {
        let number = |hidden| AttentionHeads::FromWidth.number(hidden).ok();
        assert_eq!([768, 1024, 128, 64, 32, 130].map(number), [Some(12), Some(16), Some(2), None, None, None]);
    }
}
