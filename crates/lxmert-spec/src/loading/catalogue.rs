//! Which tensors LXMERT's models have: names and shapes in the order of the original's state dicts
//! (`src/lxrt/modeling.py`, `src/tasks/*_model.py` of airsplay/lxmert @ 0db1182), worked out without the model itself.

use indexmap::IndexMap;

use super::diagnose::layers;
use super::policy::{TASK, TIED};
use base::error::{Error, Result};
use base::format::some_of;
use checkpoint::StateDict;
use checkpoint::{finite, still_whole};

/// Every size that the shapes of the encoder tell. The number of attention heads is in no shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
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

/// What stands on the encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heads {
    /// Nothing.
    None,
    /// The pre-training heads; the matching head's class 1 is "matched".
    Pretraining {
        /// The object head, where it was trained (`--taskObjPredict`).
        objects: Option<Objects>,
        /// Answers of the answer head, where it was trained (`--taskQA`).
        answers: Option<usize>,
    },
    /// The answer head of a task model.
    Answers {
        /// Images an example has: 2 for NLVR2.
        images: usize,
        /// Answers.
        answers: usize,
    },
}

/// The decoders of the object head, each of which may be absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objects {
    /// Object classes.
    pub objects: Option<usize>,
    /// Attribute classes.
    pub attributes: Option<usize>,
    /// Whether features are predicted.
    pub features: bool,
}

/// A whole model's tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// Sizes of the encoder.
    pub sizes: Sizes,
    /// What stands on it.
    pub heads: Heads,
}

impl Catalogue {
    /// Reads the model off the tensors of a checkpoint under the original's names (without `module.`).
    ///
    /// # Errors
    /// Data where a tensor that tells a size is missing.
    pub fn of(state: &StateDict) -> Result<Self> {
        let prefix = if state.keys().any(|name| name.starts_with(TASK)) { TASK } else { "" };
        let size = |name: &str, axis: usize| -> Result<usize> {
            state.get(name).and_then(|tensor| tensor.shape.get(axis)).copied().ok_or_else(|| {
                Error::data(format!("it has no {name}, without which it is no model of LXMERT")).because(format!(
                    "it has {} tensors: {}",
                    state.len(),
                    some_of(&names(state))
                ))
            })
        };
        let of = |name: &str, axis| size(&format!("{prefix}bert.{name}"), axis);
        let [l_layers, x_layers, r_layers] = layers(state.keys());
        if l_layers.max(x_layers).max(r_layers) > state.len() {
            return Err(Error::data("it has a layer of a number beyond that of its tensors"));
        }
        let sizes = Sizes {
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
        let heads = if any("cls.") {
            let objects = any("obj_predict_head.").then(|| -> Result<Objects> {
                Ok(Objects {
                    objects: rows("obj_predict_head.decoder_dict.obj.")?,
                    attributes: rows("obj_predict_head.decoder_dict.attr.")?,
                    features: any("obj_predict_head.decoder_dict.feat."),
                })
            });
            let answers = any("answer_head.").then(|| size("answer_head.logit_fc.3.weight", 0));
            Heads::Pretraining { objects: objects.transpose()?, answers: answers.transpose()? }
        } else if !prefix.is_empty() || any("logit_fc.") {
            let images = size("logit_fc.0.weight", 1)?.checked_div(sizes.hidden_size).unwrap_or(0);
            Heads::Answers { images, answers: size("logit_fc.3.weight", 0)? }
        } else {
            Heads::None
        };
        Ok(Self { sizes, heads })
    }

    /// Names and shapes of all tensors, the tied decoder under both its names.
    pub fn tensors(&self) -> IndexMap<String, Vec<usize>> {
        let (s, h) = (&self.sizes, self.sizes.hidden_size);
        let mut list = List::default();
        let prefix = if matches!(self.heads, Heads::Answers { .. }) { TASK } else { "" };
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
            Heads::None => {}
            Heads::Answers { images, answers } => list.answers("logit_fc", h, images * h, *answers),
            Heads::Pretraining { objects, answers } => {
                list.add("cls.predictions.bias".into(), vec![s.vocab_size]);
                list.transform("cls.predictions.transform", h);
                list.add(TIED[1].into(), vec![s.vocab_size, h]);
                list.linear("cls.seq_relationship", 2, h);
                if let Some(objects) = objects {
                    list.transform("obj_predict_head.transform", h);
                    let features = objects.features.then_some(s.visual_feat_dim);
                    for (name, rows) in [("obj", objects.objects), ("attr", objects.attributes), ("feat", features)] {
                        if let Some(rows) = rows {
                            list.linear(&format!("obj_predict_head.decoder_dict.{name}"), rows, h);
                        }
                    }
                }
                if let Some(answers) = answers {
                    list.answers("answer_head.logit_fc", h, h, *answers);
                }
            }
        }
        list.0
    }

    /// The checkpoint's tensors in this order; both names of the tied decoder get the same bytes, whichever is there.
    ///
    /// # Errors
    /// Data where a tensor is missing, has another shape, is not of floats, is not finite, or is not this model's.
    pub fn arrange(&self, mut state: StateDict) -> Result<StateDict> {
        still_whole(state.values())?;
        finite::check(&state)?;
        let wanted = self.tensors();
        let tied = state.get(TIED[0]).or_else(|| state.get(TIED[1])).cloned();
        if let (Some(tied), Heads::Pretraining { .. }) = (tied, &self.heads) {
            for name in TIED {
                match state.get(name) {
                    Some(there) if *there != tied => {
                        return Err(Error::data(format!(
                            "{} and {} differ, but the model uses one tensor for both",
                            TIED[0], TIED[1]
                        )));
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
                        "{name} has {:?} elements of shape {:?}; in this model it has floats of shape {shape:?}",
                        tensor.dtype, tensor.shape
                    )));
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
            .next("the file is incomplete: fetch or write it again"));
        }
        if !state.is_empty() {
            return Err(Error::data(format!(
                "it has {} tensors that are no part of this model: {}",
                state.len(),
                some_of(&names(&state))
            ))
            .next("a model with other parts cannot be carried over whole"));
        }
        Ok(arranged)
    }
}

fn names(state: &StateDict) -> Vec<String> {
    state.keys().cloned().collect()
}

#[derive(Default)]
struct List(IndexMap<String, Vec<usize>>);

impl List {
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

    fn feed_forward(&mut self, up: &str, down: &str, sizes: &Sizes) {
        self.linear(&format!("{up}.dense"), sizes.intermediate_size, sizes.hidden_size);
        self.linear(&format!("{down}.dense"), sizes.hidden_size, sizes.intermediate_size);
        self.norm(&format!("{down}.LayerNorm"), sizes.hidden_size);
    }

    fn answers(&mut self, name: &str, hidden: usize, input: usize, answers: usize) {
        self.linear(&format!("{name}.0"), 2 * hidden, input);
        self.norm(&format!("{name}.2"), 2 * hidden);
        self.linear(&format!("{name}.3"), answers, 2 * hidden);
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
            let catalogue = Catalogue::of(&state).unwrap();
            let arranged = catalogue.arrange(state.clone()).unwrap();
            assert_eq!(arranged.len(), state.len(), "{name}");
            assert!(arranged.iter().all(|(name, tensor)| &state[name] == tensor));
            assert_eq!(
                (catalogue.sizes.hidden_size, catalogue.sizes.x_layers, catalogue.sizes.vocab_size),
                (32, 2, 120)
            );
            let images = usize::from(name == "nlvr2") + 1;
            match &catalogue.heads {
                Heads::Pretraining { objects: Some(objects), answers: Some(17) } => {
                    let all = Objects { objects: Some(1600), attributes: Some(400), features: true };
                    assert_eq!((name, objects), ("pretrain", &all));
                    assert!(arranged[TIED[0]].shares_storage_with(&arranged[TIED[1]]));
                }
                Heads::Answers { images: found, .. } => assert_eq!(*found, images, "{name}"),
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
        let catalogue = Catalogue::of(&read_safetensors(&weights).unwrap()).unwrap();
        assert!(catalogue.tensors().into_iter().eq(order));
    }

    #[test]
    fn absurd_layers_are_refused() {
        let Some(path) = fixtures::lxrt("tiny/vqa_weights.safetensors") else { return };
        let mut state = read_safetensors(&path).unwrap();
        state.insert("lxrt_encoder.model.bert.encoder.r_layers.99999999999.x".into(), state[0].clone());
        assert!(Catalogue::of(&state).unwrap_err().to_string().contains("beyond"));
        assert!(Catalogue::of(&StateDict::new()).is_err());
    }
}
