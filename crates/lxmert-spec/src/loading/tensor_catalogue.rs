//! The tensors of LXMERT's models: names and shapes in the order of the original's state dicts (`src/lxrt/modeling.py`,
//! `src/tasks/*_model.py` of airsplay/lxmert @ 0db1182), computed from the sizes without building a model.

use indexmap::IndexMap;

use super::diagnose::layers;
use super::parameter_names::{
    ANSWER_HEAD, LOGITS, OBJECT_DECODERS, OBJECT_HEAD, PRETRAINING_HEADS, TASK_PREFIX, TIED, UNTIED,
};
use base::error::{Error, Result};
use base::format::some_of;
use checkpoint::StateDict;
use checkpoint::{check_not_truncated, finite};

/// The sizes of an encoder that its tensors' shapes show. The number of attention heads is in no shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderSizes {
    /// WordPiece vocabulary size.
    pub vocab_size: usize,
    /// Width H of every hidden state.
    pub hidden_size: usize,
    /// Width of the feed-forward layers.
    pub intermediate_size: usize,
    /// Rows of the position embedding table.
    pub max_position_embeddings: usize,
    /// Rows of the token type embedding table.
    pub type_vocab_size: usize,
    /// Language layers.
    pub l_layers: usize,
    /// Cross-modality layers.
    pub x_layers: usize,
    /// Object-relationship layers.
    pub r_layers: usize,
    /// Width of a box's feature.
    pub visual_feat_dim: usize,
    /// Numbers per box.
    pub visual_pos_dim: usize,
}

/// The heads on an encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelHeads {
    /// No heads.
    None,
    /// The pre-training heads. Class 1 of the matching head is "matched".
    Pretraining {
        /// The object head; `None` if it was not trained (`--taskObjPredict`).
        objects: Option<ObjectDecoders>,
        /// Number of answers of the answer head; `None` if it was not trained (`--taskQA`).
        answers: Option<usize>,
    },
    /// The answer head of a task model.
    Answers {
        /// Images per example: 2 for NLVR2, else 1.
        images: usize,
        /// Number of answers.
        answers: usize,
    },
}

/// The decoders of the object head; each may be absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectDecoders {
    /// Number of object classes.
    pub objects: Option<usize>,
    /// Number of attribute classes.
    pub attributes: Option<usize>,
    /// Whether there is a decoder of features.
    pub features: bool,
}

/// A model's tensors, as its sizes and heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorCatalogue {
    /// Sizes of the encoder.
    pub sizes: EncoderSizes,
    /// Heads on the encoder.
    pub heads: ModelHeads,
}

impl TensorCatalogue {
    /// Derives the model from a checkpoint's tensors, which have the original's names without `module.`.
    ///
    /// # Errors
    /// Data if a tensor that shows a size is missing.
    pub fn of(state: &StateDict) -> Result<Self> {
        let prefix = if state.keys().any(|name| name.starts_with(TASK_PREFIX)) { TASK_PREFIX } else { "" };
        let size = |name: &str, axis: usize| -> Result<usize> {
            state.get(name).and_then(|tensor| tensor.shape.get(axis)).copied().ok_or_else(|| {
                Error::data(format!("it is not a model of LXMERT: it has no {name}"))
                    .because(format!("it has {} tensors: {}", state.len(), some_of(&names(state))))
                    .next("name a checkpoint of LXMERT, such as the released model_LXRT.pth")
            })
        };
        let of = |name: &str, axis| size(&format!("{prefix}bert.{name}"), axis);
        let [l_layers, x_layers, r_layers] = layers(state.keys());
        if l_layers.max(x_layers).max(r_layers) > state.len() {
            return Err(Error::data("a layer has a number beyond the number of tensors")
                .next("the file is damaged: download or write it again"));
        }
        let sizes = EncoderSizes {
            vocab_size: of("embeddings.word_embeddings.weight", 0)?,
            hidden_size: of("embeddings.word_embeddings.weight", 1)?,
            intermediate_size: of("encoder.x_layers.0.lang_inter.dense.weight", 0)?,
            max_position_embeddings: of("embeddings.position_embeddings.weight", 0)?,
            type_vocab_size: of("embeddings.token_type_embeddings.weight", 0)?,
            l_layers,
            x_layers,
            r_layers,
            visual_feat_dim: of("encoder.visn_fc.visn_fc.weight", 1)?,
            visual_pos_dim: of("encoder.visn_fc.box_fc.weight", 1)?,
        };
        let any = |prefix: &str| state.keys().any(|name| name.starts_with(prefix));
        let rows = |name: &str| any(name).then(|| size(&format!("{name}weight"), 0)).transpose();
        let heads = if any(PRETRAINING_HEADS) {
            let objects = any(OBJECT_HEAD).then(|| -> Result<ObjectDecoders> {
                Ok(ObjectDecoders {
                    objects: rows(&format!("{OBJECT_DECODERS}obj."))?,
                    attributes: rows(&format!("{OBJECT_DECODERS}attr."))?,
                    features: any(&format!("{OBJECT_DECODERS}feat.")),
                })
            });
            let answers = any(ANSWER_HEAD).then(|| size(&format!("{ANSWER_HEAD}{LOGITS}3.weight"), 0));
            ModelHeads::Pretraining { objects: objects.transpose()?, answers: answers.transpose()? }
        } else if !prefix.is_empty() || any(LOGITS) {
            let images = size(&format!("{LOGITS}0.weight"), 1)?.checked_div(sizes.hidden_size).unwrap_or(0);
            ModelHeads::Answers { images, answers: size(&format!("{LOGITS}3.weight"), 0)? }
        } else {
            ModelHeads::None
        };
        Ok(Self { sizes, heads })
    }

    /// Returns the names and shapes of all tensors. The tied decoder is listed under both its names.
    pub fn tensors(&self) -> IndexMap<String, Vec<usize>> {
        let (s, h) = (&self.sizes, self.sizes.hidden_size);
        let mut list = TensorList::default();
        let prefix = if matches!(self.heads, ModelHeads::Answers { .. }) { TASK_PREFIX } else { "" };
        let bert = format!("{prefix}bert.");
        for (name, rows) in
            [("word", s.vocab_size), ("position", s.max_position_embeddings), ("token_type", s.type_vocab_size)]
        {
            list.add(format!("{bert}embeddings.{name}_embeddings.weight"), vec![rows, h]);
        }
        list.norm(&format!("{bert}embeddings.LayerNorm"), h);
        for (name, width) in [("visn", s.visual_feat_dim), ("box", s.visual_pos_dim)] {
            list.linear(&format!("{bert}encoder.visn_fc.{name}_fc"), h, width);
            list.norm(&format!("{bert}encoder.visn_fc.{name}_layer_norm"), h);
        }
        let both = [("layer", s.l_layers), ("x_layers", s.x_layers), ("r_layers", s.r_layers)];
        for (kind, count) in both {
            for layer in (0..count).map(|i| format!("{bert}encoder.{kind}.{i}.")) {
                if kind == "x_layers" {
                    list.attention(&format!("{layer}visual_attention"), "att", h);
                    list.attention(&format!("{layer}lang_self_att"), "self", h);
                    list.attention(&format!("{layer}visn_self_att"), "self", h);
                    list.feed_forward(&format!("{layer}lang_inter"), &format!("{layer}lang_output"), s);
                    list.feed_forward(&format!("{layer}visn_inter"), &format!("{layer}visn_output"), s);
                } else {
                    list.attention(&format!("{layer}attention"), "self", h);
                    list.feed_forward(&format!("{layer}intermediate"), &format!("{layer}output"), s);
                }
            }
        }
        list.linear(&format!("{bert}pooler.dense"), h, h);
        match &self.heads {
            ModelHeads::None => {}
            ModelHeads::Answers { images, answers } => list.answers(LOGITS, h, images * h, *answers),
            ModelHeads::Pretraining { objects, answers } => {
                list.add(format!("{PRETRAINING_HEADS}predictions.bias"), vec![s.vocab_size]);
                list.transform(&format!("{PRETRAINING_HEADS}predictions.transform"), h);
                list.add(TIED[1].into(), vec![s.vocab_size, h]);
                list.linear(&format!("{PRETRAINING_HEADS}seq_relationship"), 2, h);
                if let Some(objects) = objects {
                    list.transform(&format!("{OBJECT_HEAD}transform"), h);
                    let features = objects.features.then_some(s.visual_feat_dim);
                    for (name, rows) in [("obj", objects.objects), ("attr", objects.attributes), ("feat", features)] {
                        if let Some(rows) = rows {
                            list.linear(&format!("{OBJECT_DECODERS}{name}"), rows, h);
                        }
                    }
                }
                if let Some(answers) = answers {
                    list.answers(&format!("{ANSWER_HEAD}{LOGITS}"), h, h, *answers);
                }
            }
        }
        list.0
    }

    /// Returns the checkpoint's tensors in the model's order. Both names of the tied decoder get the same bytes, whichever is
    /// there.
    ///
    /// # Errors
    /// Data if a tensor is missing, has another shape, does not hold finite floats, or is not part of this model.
    pub fn arrange(&self, mut state: StateDict) -> Result<StateDict> {
        check_not_truncated(state.values())?;
        finite::check(&state)?;
        let wanted = self.tensors();
        let tied = state.get(TIED[0]).or_else(|| state.get(TIED[1])).cloned();
        if let (Some(tied), ModelHeads::Pretraining { .. }) = (tied, &self.heads) {
            for name in TIED {
                match state.get(name) {
                    Some(there) if *there != tied => {
                        return Err(Error::data(format!(
                            "{} and {} differ, but the model uses one tensor for both",
                            TIED[0], TIED[1]
                        ))
                        .next(UNTIED));
                    }
                    _ => state.insert(name.to_owned(), tied.clone()),
                };
            }
        }
        let mut arranged = StateDict::with_capacity(wanted.len());
        let mut missing = Vec::new();
        for (name, shape) in wanted {
            match state.swap_remove(&name) {
                None => missing.push(name),
                Some(tensor) if tensor.shape != shape || !tensor.dtype.is_float() => {
                    return Err(Error::data(format!(
                        "{name} has {:?} elements of shape {:?}; this model needs floats of shape {shape:?}",
                        tensor.dtype, tensor.shape
                    ))
                    .next("the file is damaged or of another model: download or write it again"));
                }
                Some(tensor) => drop(arranged.insert(name, tensor)),
            }
        }
        if !missing.is_empty() {
            return Err(Error::data(format!(
                "{} of the model's tensors are missing: {}",
                missing.len(),
                some_of(&missing)
            ))
            .next("the file is incomplete: download or write it again"));
        }
        if !state.is_empty() {
            return Err(Error::data(format!(
                "it has {} tensors that are not part of this model: {}",
                state.len(),
                some_of(&names(&state))
            ))
            .next("remove them from the checkpoint: only a model without other parts can be converted"));
        }
        Ok(arranged)
    }
}

fn names(state: &StateDict) -> Vec<String> {
    state.keys().cloned().collect()
}

#[derive(Default)]
struct TensorList(IndexMap<String, Vec<usize>>);

impl TensorList {
    fn add(&mut self, name: String, shape: Vec<usize>) {
        self.0.insert(name, shape);
    }

    fn linear(&mut self, name: &str, rows: usize, columns: usize) {
        self.add(format!("{name}.weight"), vec![rows, columns]);
        self.add(format!("{name}.bias"), vec![rows]);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.add(format!("{name}.weight"), vec![width]);
        self.add(format!("{name}.bias"), vec![width]);
    }

    fn transform(&mut self, name: &str, width: usize) {
        self.linear(&format!("{name}.dense"), width, width);
        self.norm(&format!("{name}.LayerNorm"), width);
    }

    fn attention(&mut self, name: &str, inner: &str, width: usize) {
        for part in ["query", "key", "value"] {
            self.linear(&format!("{name}.{inner}.{part}"), width, width);
        }
        self.transform(&format!("{name}.output"), width);
    }

    fn feed_forward(&mut self, up: &str, down: &str, sizes: &EncoderSizes) {
        self.linear(&format!("{up}.dense"), sizes.intermediate_size, sizes.hidden_size);
        self.linear(&format!("{down}.dense"), sizes.hidden_size, sizes.intermediate_size);
        self.norm(&format!("{down}.LayerNorm"), sizes.hidden_size);
    }

    fn answers(&mut self, name: &str, hidden: usize, input: usize, answers: usize) {
        self.linear(&format!("{name}0"), 2 * hidden, input);
        self.norm(&format!("{name}2"), 2 * hidden);
        self.linear(&format!("{name}3"), answers, 2 * hidden);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkpoint::read_safetensors;
    use fixtures;

    #[test]
    fn knows_the_originals_models() {
        for name in ["pretrain", "vqa", "gqa", "nlvr2"] {
            let Some(path) = fixtures::lxrt(&format!("tiny/{name}_weights.safetensors")) else { continue };
            let state = read_safetensors(&path).unwrap();
            let catalogue = TensorCatalogue::of(&state).unwrap();
            let arranged = catalogue.arrange(state.clone()).unwrap();
            assert_eq!(arranged.len(), state.len(), "{name}");
            assert!(arranged.iter().all(|(name, tensor)| &state[name] == tensor));
            assert_eq!(
                (catalogue.sizes.hidden_size, catalogue.sizes.x_layers, catalogue.sizes.vocab_size),
                (32, 2, 120)
            );
            let images = usize::from(name == "nlvr2") + 1;
            match &catalogue.heads {
                ModelHeads::Pretraining { objects: Some(objects), answers: Some(17) } => {
                    let all = ObjectDecoders { objects: Some(1600), attributes: Some(400), features: true };
                    assert_eq!((name, objects), ("pretrain", &all));
                    assert!(arranged[TIED[0]].shares_storage_with(&arranged[TIED[1]]));
                }
                ModelHeads::Answers { images: found, .. } => assert_eq!(*found, images, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
            for (key, word) in [("pooler.dense.bias", "missing"), ("layer.1.output.LayerNorm.bias", "missing")] {
                let mut short = state.clone();
                short.retain(|name, _| !name.ends_with(key));
                assert!(catalogue.arrange(short).unwrap_err().to_string().contains(word));
            }
            let mut more = state.clone();
            more.insert("other.bias".into(), state[0].clone());
            assert!(catalogue.arrange(more).unwrap_err().to_string().contains("other.bias"));
        }
    }

    #[test]
    fn the_order_is_the_originals() {
        let Some(path) = fixtures::lxrt("tiny/pretrain_meta.json") else { return };
        let Some(weights) = fixtures::lxrt("tiny/pretrain_weights.safetensors") else { return };
        let order: Vec<(String, Vec<usize>)> =
            serde_json::from_value(fixtures::json(&path)["state_dict_order"].clone()).unwrap();
        let catalogue = TensorCatalogue::of(&read_safetensors(&weights).unwrap()).unwrap();
        assert!(catalogue.tensors().into_iter().eq(order));
    }

    #[test]
    fn absurd_layers_are_refused() {
        let Some(path) = fixtures::lxrt("tiny/vqa_weights.safetensors") else { return };
        let mut state = read_safetensors(&path).unwrap();
        state.insert("lxrt_encoder.model.bert.encoder.r_layers.99999999999.x".into(), state[0].clone());
        assert!(TensorCatalogue::of(&state).unwrap_err().to_string().contains("beyond"));
        assert!(TensorCatalogue::of(&StateDict::new()).is_err());
    }
}
