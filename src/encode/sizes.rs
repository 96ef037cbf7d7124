//! A model's sizes, read off the names and shapes of its checkpoint's tensors.

use std::collections::BTreeSet;
use std::path::Path;

use indexmap::IndexMap;
use serde::Serialize;

use crate::checkpoint::{self, StateDict};
use crate::error::{Error, Result};
use crate::lxrt::Config;
use crate::lxrt::task::ENCODER_PREFIX;

/// Width of an attention head in BERT and in every model published in its sizes.
const HEAD_WIDTH: usize = 64;

/// Whose names a checkpoint has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// A pre-training model (`bert.*`, `cls.*`, `obj_predict_head.*`, `answer_head.*`), with or without its heads.
    Pretrained,
    /// A fine-tuned one (`lxrt_encoder.model.bert.*`, `logit_fc.*`).
    Task,
}

/// How the number of attention heads is known; no tensor's shape shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionHeads {
    /// Someone says so: the command line, or the description in the checkpoint.
    Said(usize),
    /// One for each 64 of the width, as in BERT.
    AsInBert,
}

/// An answer head's sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Answers {
    /// Rows of its last layer.
    pub count: usize,
    /// Pooled outputs that it reads at once: 1, or 2 for NLVR2.
    pub images: usize,
}

/// What a checkpoint holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sizes {
    /// Whose names it has.
    pub family: Family,
    /// All sizes; dropout is as in the paper, but never on here.
    pub config: Config,
    /// Whether it has the heads for masked words and matching.
    pub words: bool,
    /// Whether it has the heads for objects, attributes and features.
    pub objects: bool,
    /// Its answer head.
    pub answers: Option<Answers>,
}

impl Sizes {
    /// Of a checkpoint with the original's names, with or without several GPUs' `module.`
    ///
    /// # Errors
    /// Data where it is no LXMERT checkpoint or lacks layers; usage where nobody says how many attention heads there are and the
    /// width does not show it.
    pub fn of(state: &StateDict, heads: AttentionHeads) -> Result<Self> {
        let shapes: IndexMap<String, &[usize]> =
            state.iter().map(|(name, t)| (name.replace("module.", ""), &t.shape[..])).collect();
        let task = shapes.keys().any(|name| name.starts_with(ENCODER_PREFIX));
        let (prefix, answer_head) = if task { (ENCODER_PREFIX, "logit_fc") } else { ("", "answer_head.logit_fc") };
        let size = |name: &str, dimension: usize| {
            let shape = shapes.get(name).ok_or_else(|| stranger(name, state))?;
            let size = shape.get(dimension).copied();
            size.ok_or_else(|| Error::data(format!("{name} has the shape {shape:?}, which it cannot have")))
        };
        let bert = |name: &str, dimension| size(&format!("{prefix}bert.{name}"), dimension);
        let layers = |stack: &str| count(shapes.keys(), &format!("{prefix}bert.encoder.{stack}."));
        let head = |name: &str, or: usize| match shapes.contains_key(name) {
            true => size(name, 0),
            false => Ok(or),
        };
        let paper = Config::lxr955();
        let hidden_size = bert("embeddings.word_embeddings.weight", 1)?;
        let config = Config {
            vocab_size: bert("embeddings.word_embeddings.weight", 0)?,
            hidden_size,
            num_attention_heads: heads.number(hidden_size)?,
            intermediate_size: bert("encoder.x_layers.0.lang_inter.dense.weight", 0)?,
            max_position_embeddings: bert("embeddings.position_embeddings.weight", 0)?,
            type_vocab_size: bert("embeddings.token_type_embeddings.weight", 0)?,
            l_layers: layers("layer")?,
            x_layers: layers("x_layers")?,
            r_layers: layers("r_layers")?,
            visual_feat_dim: bert("encoder.visn_fc.visn_fc.weight", 1)?,
            visual_pos_dim: bert("encoder.visn_fc.box_fc.weight", 1)?,
            obj_id_num: head("obj_predict_head.decoder_dict.obj.weight", paper.obj_id_num)?,
            attr_id_num: head("obj_predict_head.decoder_dict.attr.weight", paper.attr_id_num)?,
            ..paper
        };
        config.check()?;
        let any = |start: &str| shapes.keys().any(|name| name.starts_with(start));
        let answers = if any(&format!("{answer_head}.")) {
            let count = size(&format!("{answer_head}.3.weight"), 0)?;
            let width = size(&format!("{answer_head}.0.weight"), 1)?;
            let images = width / hidden_size;
            if images == 0 || !width.is_multiple_of(hidden_size) {
                return Err(Error::data(format!(
                    "the answer head reads {width} numbers, but the pooled output has {hidden_size}"
                )));
            }
            Some(Answers { count, images })
        } else {
            None
        };
        let family = if task { Family::Task } else { Family::Pretrained };
        let (words, objects) = (!task && any("cls."), !task && any("obj_predict_head."));
        Ok(Self { family, config, words, objects, answers })
    }

    /// Images a pair must have for the answer head.
    pub fn images(&self) -> usize {
        self.answers.map_or(1, |answers| answers.images)
    }

    /// What it is, in words.
    pub fn describe(&self) -> String {
        let c = &self.config;
        let mut heads = Vec::new();
        if self.words {
            heads.push("masked words, matching".to_owned());
        }
        if self.objects {
            heads.push("objects, attributes, features".to_owned());
        }
        if let Some(answers) = self.answers {
            heads.push(format!("{} answers", answers.count));
        }
        let what = match self.family {
            Family::Pretrained => "a pre-training model",
            Family::Task => "a fine-tuned model",
        };
        format!(
            "{what}: {} language, {} cross-modality and {} object layers, {} wide, {} attention heads; heads: {}",
            c.l_layers,
            c.x_layers,
            c.r_layers,
            c.hidden_size,
            c.num_attention_heads,
            if heads.is_empty() { "none".to_owned() } else { heads.join("; ") }
        )
    }
}

/// How many attention heads the checkpoint in `path` has, where its metadata describe the model, as this program's do.
///
/// # Errors
/// Where it cannot be read.
pub fn described_heads(path: &Path) -> Result<AttentionHeads> {
    let metadata = checkpoint::read_metadata(path)?.unwrap_or_default();
    let said = metadata.values().find_map(|text| {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        usize::try_from(value["config"]["num_attention_heads"].as_u64()?).ok()
    });
    Ok(said.map_or(AttentionHeads::AsInBert, AttentionHeads::Said))
}

impl AttentionHeads {
    fn number(self, hidden: usize) -> Result<usize> {
        match self {
            Self::Said(number) => Ok(number),
            // Below two heads the rule would also "fit" small models that have others.
            Self::AsInBert if hidden >= 2 * HEAD_WIDTH && hidden.is_multiple_of(HEAD_WIDTH) => Ok(hidden / HEAD_WIDTH),
            Self::AsInBert => Err(Error::usage(format!(
                "a model {hidden} wide is none of BERT's sizes, and no tensor shows its number of attention heads"
            ))
            .next("say it with --attention-heads")),
        }
    }
}

/// Layers of a stack: numbered from 0 without a gap.
fn count<'a>(names: impl Iterator<Item = &'a String>, stack: &str) -> Result<usize> {
    let numbers: BTreeSet<usize> =
        names.filter_map(|name| name.strip_prefix(stack)?.split('.').next()?.parse().ok()).collect();
    match numbers.iter().enumerate().find(|(expected, number)| expected != *number) {
        None => Ok(numbers.len()),
        Some((expected, _)) => Err(Error::data(format!("the checkpoint has no layer {stack}{expected}"))
            .next("it is incomplete: fetch or write it again")),
    }
}

fn stranger(missing: &str, state: &StateDict) -> Error {
    let some: Vec<&str> = state.keys().take(3).map(String::as_str).collect();
    Error::data(format!("the checkpoint is no whole LXMERT model: it has no {missing}"))
        .because(format!("it has {} tensors, such as {}", state.len(), some.join(", ")))
        .next("use a pre-training checkpoint such as Epoch20_LXRT.pth or model_LXRT.pth, or a fine-tuned model")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    fn of(name: &str, heads: AttentionHeads) -> Option<Result<Sizes>> {
        Some(Sizes::of(&checkpoint::read(&fixtures::lxrt(name)?).unwrap(), heads))
    }

    #[test]
    fn sizes_of_the_original_s_checkpoints() {
        let said = AttentionHeads::Said;
        if let Some(sizes) = of("tiny/pretrain_weights.safetensors", said(4)) {
            let sizes = sizes.unwrap();
            let wanted =
                Config { vocab_size: 120, max_position_embeddings: 64, initializer_range: 0.02, ..Config::tiny() };
            assert_eq!(sizes.config, wanted);
            assert!(sizes.words && sizes.objects);
            assert_eq!(sizes.answers, Some(Answers { count: 17, images: 1 }));
        }
        if let Some(sizes) = of("tiny/nlvr2_weights.safetensors", said(4)) {
            let sizes = sizes.unwrap();
            assert_eq!((sizes.family, sizes.images(), sizes.words), (Family::Task, 2, false));
        }
        for name in ["ckpt/micro_legacy_module_cuda_LXRT.pth", "ckpt/micro_vqa_BEST_multigpu.pth"] {
            let Some(sizes) = of(name, said(2)) else { continue };
            let config = sizes.unwrap().config;
            assert_eq!((config.vocab_size, config.l_layers, config.x_layers, config.r_layers), (40, 1, 1, 1), "{name}");
            let error = of(name, AttentionHeads::AsInBert).unwrap().unwrap_err().to_string();
            assert!(error.contains("--attention-heads"), "{error}");
            let error = of(name, said(3)).unwrap().unwrap_err().to_string();
            assert!(error.contains("3 attention heads"), "{error}");
        }
    }

    #[test]
    fn heads_follow_from_the_width_only_where_bert_s_rule_holds() {
        let number = |hidden| AttentionHeads::AsInBert.number(hidden).ok();
        assert_eq!([768, 1024, 128, 64, 32, 130].map(number), [Some(12), Some(16), Some(2), None, None, None]);
    }

    #[test]
    fn a_gap_between_layers_is_found() {
        let names = |numbers: &[&str]| numbers.iter().map(|n| format!("layer.{n}.weight")).collect::<Vec<_>>();
        assert_eq!(count(names(&["1", "0", "0"]).iter(), "layer.").unwrap(), 2);
        assert!(count(names(&["0", "999999999"]).iter(), "layer.").unwrap_err().what().ends_with("layer.1"));
        assert_eq!(count(names(&[]).iter(), "layer.").unwrap(), 0);
    }
}
