//! Translates the tensor names of VOLTA's LXMERT (e-bug/volta) to the original's.
//!
//! A model of VOLTA is one list of blocks `bert.encoder.layer.N`. A block is either `attention_self` with `attention_output`, or
//! `intermediate` with `output`. Parts for the image begin with `v_`. In its LXMERT, blocks 2i and 2i+1 are language layer i
//! and, if they have `v_` parts, object-relationship layer i. Three blocks make a cross-modality layer: an attention that both
//! sides share, the self-attentions, and the feed-forward blocks. Numbers may be skipped between the language layers and the
//! cross-modality layers.
//!
//! The tensors themselves are the original's. The rows of the matching head are kept: converted checkpoints have the original's
//! order, but those that VOLTA trained may have the opposite one.

use std::collections::{BTreeMap, HashMap};

use base::error::{Error, Result};
use checkpoint::StateDict;

const BLOCKS: &str = "bert.encoder.layer.";
/// Prefixes of VOLTA's names outside the blocks, and the original's for each.
const PARTS: [(&str, &str); 11] = [
    ("bert.v_embeddings.image_embeddings.", "bert.encoder.visn_fc.visn_fc."),
    ("bert.v_embeddings.ImgLayerNorm.", "bert.encoder.visn_fc.visn_layer_norm."),
    ("bert.v_embeddings.image_location_embeddings.", "bert.encoder.visn_fc.box_fc."),
    ("bert.v_embeddings.LocLayerNorm.", "bert.encoder.visn_fc.box_layer_norm."),
    ("bert.t_pooler.", "bert.pooler."),
    ("cls.bi_seq_relationship.", "cls.seq_relationship."),
    ("cls.qaPredictions.", "answer_head."),
    ("cls.imagePredictions.decoder_dict.3.", "obj_predict_head.decoder_dict.obj."),
    ("cls.imagePredictions.decoder_dict.4.", "obj_predict_head.decoder_dict.attr."),
    ("cls.imagePredictions.decoder_dict.5.", "obj_predict_head.decoder_dict.feat."),
    ("cls.imagePredictions.", "obj_predict_head."),
];

/// Whether a checkpoint has VOLTA's names.
pub(super) fn recognise(state: &StateDict) -> bool {
    state.keys().any(|name| name.starts_with(BLOCKS) && name.contains(".attention_self."))
}

/// The parsed name of a tensor in a block.
struct Part<'a> {
    block: usize,
    /// `attention_self`, `attention_output`, `intermediate` or `output`.
    module: &'a str,
    /// Whether it belongs to the image.
    visual: bool,
    /// The rest of the name without `v_`, such as `query.weight`.
    leaf: &'a str,
}

impl<'a> Part<'a> {
    fn of(name: &'a str) -> Option<Self> {
        let mut parts = name.strip_prefix(BLOCKS)?.splitn(3, '.');
        let (block, module, leaf) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
        let visual = leaf.strip_prefix("v_");
        Some(Self { block, module, visual: visual.is_some(), leaf: visual.unwrap_or(leaf) })
    }

    fn is_attention(&self) -> bool {
        self.module.starts_with("attention")
    }
}

/// The kind of one side of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Attention,
    FeedForward,
}

/// The layer of the original that a block belongs to.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// A language layer or, for the image, an object-relationship layer.
    Layer(usize),
    /// The attention of a cross-modality layer, which both sides share.
    Shared(usize),
    /// The self-attentions or feed-forward blocks of a cross-modality layer.
    Cross(usize),
}

/// The layer of each block, for the words and for the image.
struct Blocks {
    words: HashMap<usize, Place>,
    image: HashMap<usize, Place>,
}

/// Translates VOLTA's names to the original's. Unknown names stay.
///
/// # Errors
/// Data if the blocks are not LXMERT's.
pub(super) fn to_original(state: StateDict) -> Result<StateDict> {
    let refuse = |what: &str| {
        Error::data(format!("the checkpoint is of VOLTA, but not of its LXMERT: {what}"))
            .next("use a checkpoint of VOLTA's original_lxmert configuration")
    };
    if state.keys().any(|name| name.starts_with("bert.v_pooler.")) {
        return Err(refuse("it pools words and image separately, as VOLTA's controlled models do"));
    }
    let boxes = state.get("bert.v_embeddings.image_location_embeddings.weight").and_then(|t| t.shape.get(1).copied());
    match boxes {
        Some(4) => {}
        Some(other) => return Err(refuse(&format!("it reads {other} numbers per box, not 4"))),
        None => return Err(refuse("it has no box embedding")),
    }
    let blocks = Blocks::of(&state).ok_or_else(|| refuse("its blocks are in another order"))?;
    let mut renamed = StateDict::with_capacity(state.len());
    for (name, tensor) in state {
        let Some(name) = blocks.original(&name) else { continue };
        if renamed.insert(name.clone(), tensor).is_some() {
            return Err(refuse(&format!("two of its tensors would be named {name}")));
        }
    }
    Ok(renamed)
}

impl Blocks {
    /// Finds the layer of each block from the order of the blocks; `None` if it is not LXMERT's order.
    fn of(state: &StateDict) -> Option<Self> {
        let (mut words, mut image) = (BTreeMap::new(), BTreeMap::new());
        for part in state.keys().filter_map(|name| Part::of(name)) {
            let kind = if part.is_attention() { Kind::Attention } else { Kind::FeedForward };
            let side = if part.visual { &mut image } else { &mut words };
            if *side.entry(part.block).or_insert(kind) != kind {
                return None;
            }
        }
        // A state dict lists the tensors that both sides share twice, a safetensors file once.
        image.retain(|block, kind| *kind == Kind::FeedForward || !is_shared(state, *block));
        let mut blocks = Self { words: HashMap::new(), image: HashMap::new() };
        let order: Vec<(usize, Kind)> = words.into_iter().collect();
        let (mut rest, mut layers, mut cross) = (&order[..], 0, 0);
        loop {
            use Kind::{Attention, FeedForward};
            rest = match rest {
                [] => break,
                [(a, Attention), (b, FeedForward), more @ ..] if cross == 0 => {
                    blocks.words.extend([(*a, Place::Layer(layers)), (*b, Place::Layer(layers))]);
                    layers += 1;
                    more
                }
                [(a, Attention), (b, Attention), (c, FeedForward), more @ ..] => {
                    let own = [image.remove(a), image.remove(b), image.remove(c)];
                    if own != [None, Some(Attention), Some(FeedForward)] {
                        return None;
                    }
                    let both = [(*b, Place::Cross(cross)), (*c, Place::Cross(cross))];
                    blocks.words.insert(*a, Place::Shared(cross));
                    blocks.words.extend(both);
                    blocks.image.extend(both);
                    cross += 1;
                    more
                }
                _ => return None,
            };
        }
        let image: Vec<(usize, Kind)> = image.into_iter().collect();
        let (pairs, odd) = image.as_chunks::<2>();
        for (layer, [(a, first), (b, second)]) in pairs.iter().enumerate() {
            if (*first, *second) != (Kind::Attention, Kind::FeedForward) {
                return None;
            }
            blocks.image.extend([(*a, Place::Layer(layer)), (*b, Place::Layer(layer))]);
        }
        (odd.is_empty() && cross > 0).then_some(blocks)
    }

    /// Returns the original's name; `None` for the image's copy of a tensor that both sides share.
    fn original(&self, name: &str) -> Option<String> {
        let Some(part) = Part::of(name) else {
            let found = PARTS.iter().find_map(|(theirs, ours)| Some((ours, name.strip_prefix(theirs)?)));
            return Some(found.map_or_else(|| name.to_owned(), |(ours, rest)| format!("{ours}{rest}")));
        };
        let Part { block, module, visual, leaf } = part;
        let side = if visual { &self.image } else { &self.words };
        let dotted = module.replace("attention_", "attention.");
        Some(match side.get(&block)? {
            Place::Layer(layer) if visual => format!("bert.encoder.r_layers.{layer}.{dotted}.{leaf}"),
            Place::Layer(layer) => format!("bert.encoder.layer.{layer}.{dotted}.{leaf}"),
            Place::Shared(layer) => {
                let inner = if module == "attention_self" { "att" } else { "output" };
                format!("bert.encoder.x_layers.{layer}.visual_attention.{inner}.{leaf}")
            }
            Place::Cross(layer) => {
                let who = if visual { "visn" } else { "lang" };
                let inner = match module {
                    "attention_self" => "self_att.self",
                    "attention_output" => "self_att.output",
                    "intermediate" => "inter",
                    _ => "output",
                };
                format!("bert.encoder.x_layers.{layer}.{who}_{inner}.{leaf}")
            }
        })
    }
}

/// Whether words and image share the attention of a block: its weights are there twice and equal.
fn is_shared(state: &StateDict, block: usize) -> bool {
    ["query", "key", "value"].into_iter().all(|part| {
        let of = |prefix: &str| state.get(&format!("{BLOCKS}{block}.attention_self.{prefix}{part}.weight"));
        matches!((of(""), of("v_")), (Some(words), Some(image)) if words == image)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loading::TensorCatalogue;
    use checkpoint::{TensorData, read_checkpoint};
    use fixtures;

    /// VOLTA's names of a model of 9, 5 and 5 layers, each tensor with a number of its own.
    fn paper(twice: bool) -> StateDict {
        let mut names = Vec::new();
        let mut block = |number: usize, attention: bool, sides: &[&str]| {
            for side in sides {
                let leaves = match attention {
                    true => [
                        "attention_self.@query",
                        "attention_self.@key",
                        "attention_self.@value",
                        "attention_output.@dense",
                    ],
                    false => ["intermediate.@dense", "output.@dense", "output.@LayerNorm", "output.@LayerNorm2"],
                };
                names.extend(leaves.map(|leaf| format!("{BLOCKS}{number}.{}.weight", leaf.replace('@', side))));
            }
        };
        for layer in 0..9 {
            let sides = if layer < 5 { &["", "v_"][..] } else { &[""] };
            block(2 * layer, true, sides);
            block(2 * layer + 1, false, sides);
        }
        for layer in 0..5 {
            block(18 + 3 * layer, true, if twice { &["", "v_"] } else { &[""] });
            block(19 + 3 * layer, true, &["", "v_"]);
            block(20 + 3 * layer, false, &["", "v_"]);
        }
        names.push("bert.v_embeddings.image_location_embeddings.weight".to_owned());
        names.push("cls.imagePredictions.decoder_dict.4.bias".to_owned());
        let number = |at: usize| TensorData::from_f32(vec![1, 4], vec![at as f32; 4]).unwrap();
        let mut state: StateDict = names.into_iter().enumerate().map(|(at, name)| (name, number(at))).collect();
        for layer in 0..5 {
            let place = format!("{BLOCKS}{}.", 18 + 3 * layer);
            let own: Vec<String> =
                state.keys().filter(|n| n.starts_with(&place) && n.contains("v_")).cloned().collect();
            for name in own {
                let words = state[&name.replace("v_", "")].clone();
                state.insert(name, words);
            }
        }
        state
    }

    #[test]
    fn the_paper_s_layers_are_found_however_the_shared_ones_are_stored() {
        for twice in [false, true] {
            let renamed = to_original(paper(twice)).unwrap();
            let layers = super::super::diagnose::layers(renamed.keys());
            assert_eq!(layers, [9, 5, 5], "{twice}");
            for name in [
                "bert.encoder.layer.8.attention.self.query.weight",
                "bert.encoder.r_layers.4.output.LayerNorm.weight",
                "bert.encoder.x_layers.4.visual_attention.att.value.weight",
                "bert.encoder.x_layers.4.visual_attention.output.dense.weight",
                "bert.encoder.x_layers.0.lang_self_att.output.dense.weight",
                "bert.encoder.x_layers.0.visn_inter.dense.weight",
                "bert.encoder.visn_fc.box_fc.weight",
                "obj_predict_head.decoder_dict.attr.bias",
            ] {
                assert!(renamed.contains_key(name), "{twice}: {name}");
            }
            let missed: Vec<_> = renamed.keys().filter(|name| name.contains("v_") || name.contains("_self.")).collect();
            assert!(missed.is_empty(), "{missed:?}");
            assert_eq!(renamed.len(), paper(false).len());
        }
    }

    #[test]
    fn other_models_of_volta_are_named() {
        let error = |state: StateDict| to_original(state).unwrap_err().to_string();
        let mut pooled = paper(false);
        pooled.insert("bert.v_pooler.dense.bias".into(), pooled[0].clone());
        assert!(error(pooled).contains("controlled"));
        let mut five = paper(false);
        five["bert.v_embeddings.image_location_embeddings.weight"].shape = vec![4, 5];
        assert!(error(five).contains("5 numbers per box"));
        let mut other = paper(false);
        other.retain(|name, _| !name.starts_with("bert.encoder.layer.19."));
        assert!(error(other).contains("another order"));
    }

    #[test]
    fn the_same_model_under_both_names_is_the_same() {
        let (Some(volta), Some(port)) = (
            fixtures::beside("cases/weights/volta_pytorch_model_9.bin"),
            fixtures::beside("cases/hf/tied_safetensors"),
        ) else {
            return;
        };
        let [volta, port] = [volta, port].map(|path| {
            let state = super::super::original_names::to_original(read_checkpoint(&path).unwrap()).unwrap().state;
            TensorCatalogue::of(&state).unwrap().arrange(state).unwrap()
        });
        assert_eq!(volta, port);
    }
}
