//! Computes a task model's answers without redundant work. The results equal those of [`TaskModel::forward`] up to rounding.
//!
//! Words and boxes meet only in the cross-modality layers (paper section 2.2). So the language states of a sentence and the visual
//! states of an image are computed once for all their combinations. The last layer is needed for the pooled output alone, so
//! its visual half is skipped, and after its cross attention only the first position is computed.

use tch::{Device, Kind, Tensor, no_grad};

use super::attention::{Attention, AttentionBlock, BertLayer, FeedForward, additive_mask};
use super::encoder::CrossLayer;
use super::layers::{ForwardContext, ResidualOutput};
use super::task::TaskModel;

/// A task model that encodes sentences and images separately, so that their states can be reused, and then answers. Computes no
/// gradients.
pub struct CachedEncoder<'m> {
    model: &'m TaskModel,
}

// SAFETY: it only reads the model's tensors, and libtorch allows concurrent reads (PyTorch's notes on CPU threading: several
// threads may run the forward pass of one model).
unsafe impl Sync for CachedEncoder<'_> {}

/// Encoded images: all that the cross-modality layers need of them for any sentence.
pub struct EncodedImages {
    /// Visual states (I, O, H).
    states: Tensor,
    /// Query projections of the visual states in the first cross-modality layer (I, O, H).
    query: Tensor,
    /// Key and value projections of the visual states in that layer.
    projections: KeyValue,
}

// SAFETY: like `CachedEncoder`, it is only read.
unsafe impl Sync for EncodedImages {}

/// The key and value projections (B, n, H) of hidden states (B, n, H).
struct KeyValue {
    key: Tensor,
    value: Tensor,
}

impl EncodedImages {
    /// Returns the images at `rows` (int64), in that order. Rows may repeat.
    #[must_use]
    pub fn select(&self, rows: &Tensor) -> Self {
        let at = |t: &Tensor| t.index_select(0, rows);
        let projections = KeyValue { key: at(&self.projections.key), value: at(&self.projections.value) };
        Self { states: at(&self.states), query: at(&self.query), projections }
    }

    /// Concatenates one or more groups of images.
    pub fn concat(groups: &[Self]) -> Self {
        let joined = |pick: fn(&Self) -> &Tensor| Tensor::cat(&groups.iter().map(pick).collect::<Vec<_>>(), 0);
        Self {
            states: joined(|group| &group.states),
            query: joined(|group| &group.query),
            projections: KeyValue {
                key: joined(|group| &group.projections.key),
                value: joined(|group| &group.projections.value),
            },
        }
    }
}

impl<'m> CachedEncoder<'m> {
    /// Creates an encoder with `model`'s weights.
    pub fn new(model: &'m TaskModel) -> Self {
        Self { model }
    }

    /// Computes the language states (B, S, H) of word ids (B, S) int64. `mask` (B, S) is 1 for words and 0 for padding.
    pub fn sentences(&self, ids: &Tensor, mask: &Tensor) -> Tensor {
        no_grad(|| {
            let lxrt = &self.model.encoder;
            let mask = additive_mask(mask);
            let words = lxrt.embeddings.forward(ids, None, ForwardContext::EVAL);
            lxrt.layers.iter().fold(words, |x, layer| single_modality_layer(layer, &x, Some(&mask)))
        })
    }

    /// Encodes images with features (I, O, visual_feat_dim) and boxes (I, O, 4) in \[0, 1\].
    pub fn images(&self, features: &Tensor, boxes: &Tensor) -> EncodedImages {
        no_grad(|| {
            let lxrt = &self.model.encoder;
            let boxes = lxrt.visn_fc.forward(features, boxes, ForwardContext::EVAL);
            let states = lxrt.r_layers.iter().fold(boxes, |x, layer| single_modality_layer(layer, &x, None));
            let first = &lxrt.x_layers[0].visual_attention.attention;
            EncodedImages { query: first.query.forward(&states), projections: KeyValue::of(&states, first), states }
        })
    }

    /// Computes the pooled outputs (B, H) of language states (B, S, H) with their mask (B, S) and of B images.
    pub fn pooled(&self, lang: &Tensor, mask: &Tensor, images: &EncodedImages) -> Tensor {
        no_grad(|| {
            let lxrt = &self.model.encoder;
            let mask = additive_mask(mask);
            let (mut lang, mut visn) = (lang.shallow_clone(), images.states.shallow_clone());
            for (i, layer) in lxrt.x_layers.iter().enumerate() {
                let last = i + 1 == lxrt.x_layers.len();
                let block = &layer.visual_attention;
                let attention = &block.attention;
                let query = attention.query.forward(&lang);
                let projected = (!last).then(|| KeyValue::of(&lang, attention));
                let word_side = WordSideAttention { block, mask: &mask };
                let (words, boxes) = if i == 0 {
                    let boxes =
                        projected.map(|words| cross_attention(block, &images.query, &words, &visn, Some(&mask)));
                    (cross_attention(block, &query, &images.projections, &lang, None), boxes)
                } else if WordSideAttention::is_faster(attention, lang.size()[1], visn.size()[1]) {
                    let boxes = projected.map(|words| word_side.boxes_to_words(&words, &visn));
                    (word_side.words_to_boxes(&query, &lang, &visn), boxes)
                } else {
                    let query_of_boxes = || attention.query.forward(&visn);
                    let boxes =
                        projected.map(|words| cross_attention(block, &query_of_boxes(), &words, &visn, Some(&mask)));
                    (cross_attention(block, &query, &KeyValue::of(&visn, attention), &lang, None), boxes)
                };
                let Some(boxes) = boxes else {
                    return lxrt.pool(&first_position(layer, &words, &mask));
                };
                lang =
                    feed_forward(&layer.lang_feed_forward, &self_attention(&layer.lang_self_att, &words, Some(&mask)));
                visn = feed_forward(&layer.visn_feed_forward, &self_attention(&layer.visn_self_att, &boxes, None));
            }
            lxrt.pool(&lang)
        })
    }

    /// Computes the logits (B, answers) of pooled outputs (B·images, H). The outputs of an example are adjacent.
    pub fn logits(&self, pooled: &Tensor) -> Tensor {
        no_grad(|| self.model.answer(pooled))
    }

    /// Returns the device of the model.
    pub fn device(&self) -> Device {
        self.model.parameters().device()
    }

    /// Returns the number of images per example.
    pub fn images_per_example(&self) -> usize {
        self.model.images as usize
    }
}

impl KeyValue {
    fn of(x: &Tensor, attention: &Attention) -> Self {
        Self { key: attention.key.forward(x), value: attention.value.forward(x) }
    }
}

/// Applies a layer of a single-modality encoder.
fn single_modality_layer(layer: &BertLayer, x: &Tensor, mask: Option<&Tensor>) -> Tensor {
    feed_forward(&layer.feed_forward, &self_attention(&layer.attention, x, mask))
}

/// Applies self-attention.
fn self_attention(block: &AttentionBlock, x: &Tensor, mask: Option<&Tensor>) -> Tensor {
    let attention = &block.attention;
    cross_attention(block, &attention.query.forward(x), &KeyValue::of(x, attention), x, mask)
}

/// Lets `hidden`, whose query projections are `query`, attend to projected states.
fn cross_attention(
    block: &AttentionBlock,
    query: &Tensor,
    to: &KeyValue,
    hidden: &Tensor,
    mask: Option<&Tensor>,
) -> Tensor {
    residual(&block.output, &attend(&block.attention, query, to, mask), hidden)
}

/// Applies the rest of the last cross-modality layer, after its cross attention, to the first position alone; returns (B, 1, H).
fn first_position(layer: &CrossLayer, words: &Tensor, mask: &Tensor) -> Tensor {
    let (block, first) = (&layer.lang_self_att, words.narrow(1, 0, 1).contiguous());
    let attention = &block.attention;
    let context = attend(attention, &attention.query.forward(&first), &KeyValue::of(words, attention), Some(mask));
    feed_forward(&layer.lang_feed_forward, &residual(&block.output, &context, &first))
}

/// Computes the attention of queries (B, n, H) over keys and values (B, m, H), without dropout; returns (B, n, H).
fn attend(attention: &Attention, query: &Tensor, to: &KeyValue, mask: Option<&Tensor>) -> Tensor {
    let heads = |t: &Tensor| attention.split(t);
    let mixed = Tensor::scaled_dot_product_attention(
        &heads(query),
        &heads(&to.key),
        &heads(&to.value),
        mask,
        0.0,
        false,
        None::<f64>,
        false,
    );
    mixed.transpose(1, 2).reshape(query.size())
}

/// Applies a feed-forward block. The wide states, which take most of the memory, are overwritten in place.
fn feed_forward(block: &FeedForward, x: &Tensor) -> Tensor {
    residual(&block.output, &block.intermediate.forward(x).gelu_("none"), x)
}

fn residual(output: &ResidualOutput, x: &Tensor, residual: &Tensor) -> Tensor {
    output.norm.forward(&output.dense.forward(x).g_add_(residual))
}

/// A cross attention between few words and many boxes that projects only the words.
///
/// For a head's query q = Wq·w + bq of a word w and key k = Wk·v + bk of a box v, q·k = (Wkᵀ·q)·v + q·bk. The last term is the
/// same for every box, so softmax ignores it. Likewise Σ p·(Wv·v + bv) = Wv·(Σ p·v) + bv. In the other direction the output's
/// weights are applied to the words' values. So each word is mapped to the space of the boxes once per head, instead of mapping
/// every box four times.
struct WordSideAttention<'a> {
    block: &'a AttentionBlock,
    /// Additive mask of the words (B, 1, 1, S).
    mask: &'a Tensor,
}

impl WordSideAttention<'_> {
    /// Returns whether this is faster than projecting the boxes. In units of H² multiplications, projecting costs 4·boxes. This
    /// costs 4·words and four products of (words·heads, boxes, H), which run at about two thirds of the speed.
    fn is_faster(attention: &Attention, words: i64, boxes: i64) -> bool {
        let products = 1.5 * (words * attention.heads * boxes) as f64 / (attention.heads * attention.head_size) as f64;
        words as f64 + products < boxes as f64
    }

    /// Lets words (B, S, H), whose query projections are `query`, attend to boxes (B, O, H).
    fn words_to_boxes(&self, query: &Tensor, words: &Tensor, boxes: &Tensor) -> Tensor {
        let Attention { key, value, heads, head_size, .. } = &self.block.attention;
        let size = words.size();
        let across = self.spread(&self.scaled(query), &key.weight.view([*heads, *head_size, -1]));
        let seen = across.bmm(&boxes.transpose(1, 2)).softmax(-1, None::<Kind>).bmm(boxes);
        let context = Tensor::empty([size[0] * size[1], *heads, *head_size], (Kind::Float, boxes.device()));
        let by_head = seen.view([size[0] * size[1], *heads, -1]).transpose(0, 1);
        let weight = value.weight.view([*heads, *head_size, -1]).transpose(1, 2);
        let _ = by_head.bmm_out(&context.transpose(0, 1), &weight);
        residual(&self.block.output, &context.view_(size.as_slice()).g_add_(&value.bias), words)
    }

    /// Lets boxes (B, O, H) attend to the projected words.
    fn boxes_to_words(&self, projected: &KeyValue, boxes: &Tensor) -> Tensor {
        let Attention { query, heads, head_size, .. } = &self.block.attention;
        let (size, output) = (projected.key.size(), &self.block.output);
        let (count, words) = (size[0], size[1]);
        let key = self.scaled(&projected.key);
        let across = self.spread(&key, &query.weight.view([*heads, *head_size, -1]));
        let by_head = [count, words, *heads, *head_size];
        let mut shift = (key * &query.bias).view(by_head).sum_dim_intlist([3i64].as_slice(), false, Kind::Float);
        let shift = shift.g_add_(&self.mask.view([count, words, 1]));
        let scores = shift.view([count, words * heads, 1]).baddbmm(&across, &boxes.transpose(1, 2), 1, 1);
        let probabilities = scores.view([count, words, -1]).softmax(1, None::<Kind>).view(scores.size().as_slice());
        let weight = output.dense.weight.view([-1, *heads, *head_size]).permute([1, 2, 0]);
        let values = self.spread(&projected.value, &weight);
        let sum = boxes.baddbmm(&probabilities.transpose(1, 2), &values, 1, 1).g_add_(&output.dense.bias);
        output.norm.forward(&sum)
    }

    /// Multiplies each head's part of x (B, S, H) by the head's map in `maps` (heads, head size, H); returns (B, S·heads, H).
    fn spread(&self, x: &Tensor, maps: &Tensor) -> Tensor {
        let Attention { heads, head_size, .. } = &self.block.attention;
        let size = x.size();
        let out = Tensor::empty([size[0] * size[1], *heads, size[2]], (Kind::Float, x.device()));
        let _ = x.view([-1, *heads, *head_size]).transpose(0, 1).bmm_out(&out.transpose(0, 1), maps);
        out.view([size[0], size[1] * heads, size[2]])
    }

    fn scaled(&self, x: &Tensor) -> Tensor {
        x / (self.block.attention.head_size as f64).sqrt()
    }
}
