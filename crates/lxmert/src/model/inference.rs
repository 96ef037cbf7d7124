//! Answers of a trained task model without the work that they do not depend on, to the same values as [`TaskModel::forward`]
//! up to rounding.
//!
//! Words and boxes meet only in the cross-modality layers (paper section 2.2). So a sentence's language states and an image's
//! visual states are computed once, whatever they are combined with; and of the last layer, which only the pooled output
//! is taken from, its visual half and all but the first position after its last look at the words are left out.

use tch::{Device, Kind, Tensor, no_grad};

use super::attention::{Attention, AttentionBlock, BertLayer, FeedForward, additive_mask};
use super::encoder::CrossLayer;
use super::layers::{Pass, ResidualOutput};
use super::task::TaskModel;

/// A task model that reads sentences and images on their own and then answers. Nothing here keeps what a gradient needs.
pub struct Reader<'m> {
    model: &'m TaskModel,
}

// SAFETY: it only reads the model's tensors, which libtorch allows any number of threads to do at once (PyTorch's notes on CPU
// threading: several threads run one model's forward pass).
unsafe impl Sync for Reader<'_> {}

/// What the cross-modality layers need of images, whatever is asked about them.
pub struct Images {
    /// Visual states (I, O, H).
    states: Tensor,
    /// What they look at words with in the first cross layer (I, O, H).
    query: Tensor,
    /// What words see of them there.
    shown: Shown,
}

// SAFETY: as for Reader.
unsafe impl Sync for Images {}

/// What attention sees of states (B, n, H): their keys and values (B, n, H).
struct Shown {
    key: Tensor,
    value: Tensor,
}

impl Images {
    /// The images at `rows` (int64), in that order, repeated as often as they are named.
    #[must_use]
    pub fn select(&self, rows: &Tensor) -> Self {
        let at = |t: &Tensor| t.index_select(0, rows);
        let shown = Shown { key: at(&self.shown.key), value: at(&self.shown.value) };
        Self { states: at(&self.states), query: at(&self.query), shown }
    }

    /// Several lots of images as one, at least one lot.
    pub fn all(lots: &[Self]) -> Self {
        let joined = |pick: fn(&Self) -> &Tensor| Tensor::cat(&lots.iter().map(pick).collect::<Vec<_>>(), 0);
        Self {
            states: joined(|lot| &lot.states),
            query: joined(|lot| &lot.query),
            shown: Shown { key: joined(|lot| &lot.shown.key), value: joined(|lot| &lot.shown.value) },
        }
    }
}

impl<'m> Reader<'m> {
    /// Reads with `model`'s weights.
    pub fn new(model: &'m TaskModel) -> Self {
        Self { model }
    }

    /// Language states (B, S, H) of word ids (B, S) int64, of which `mask` (B, S) names the words with 1.
    pub fn sentences(&self, ids: &Tensor, mask: &Tensor) -> Tensor {
        no_grad(|| {
            let lxrt = &self.model.encoder;
            let mask = additive_mask(mask);
            let words = lxrt.embeddings.forward(ids, None, Pass::EVAL);
            lxrt.layers.iter().fold(words, |x, layer| single(layer, &x, Some(&mask)))
        })
    }

    /// Images of features (I, O, visual_feat_dim) and boxes (I, O, 4) in [0, 1].
    pub fn images(&self, features: &Tensor, boxes: &Tensor) -> Images {
        no_grad(|| {
            let lxrt = &self.model.encoder;
            let boxes = lxrt.visn_fc.forward(features, boxes, Pass::EVAL);
            let states = lxrt.r_layers.iter().fold(boxes, |x, layer| single(layer, &x, None));
            let first = &lxrt.x_layers[0].visual_attention.attention;
            Images { query: first.query.forward(&states), shown: Shown::of(&states, first), states }
        })
    }

    /// Pooled outputs (B, H) of language states (B, S, H) with their mask (B, S) and as many images.
    pub fn pooled(&self, lang: &Tensor, mask: &Tensor, images: &Images) -> Tensor {
        no_grad(|| {
            let lxrt = &self.model.encoder;
            let mask = additive_mask(mask);
            let (mut lang, mut visn) = (lang.shallow_clone(), images.states.shallow_clone());
            for (i, layer) in lxrt.x_layers.iter().enumerate() {
                let last = i + 1 == lxrt.x_layers.len();
                let crossing = &layer.visual_attention;
                let attention = &crossing.attention;
                let query = attention.query.forward(&lang);
                let shown = (!last).then(|| Shown::of(&lang, attention));
                let few = Few { block: crossing, mask: &mask };
                let (words, boxes) = if i == 0 {
                    let boxes = shown.map(|words| cross(crossing, &images.query, &words, &visn, Some(&mask)));
                    (cross(crossing, &query, &images.shown, &lang, None), boxes)
                } else if Few::worth_it(attention, lang.size()[1], visn.size()[1]) {
                    (few.at(&query, &lang, &visn), shown.map(|words| few.seen_from(&words, &visn)))
                } else {
                    let looking = || attention.query.forward(&visn);
                    let boxes = shown.map(|words| cross(crossing, &looking(), &words, &visn, Some(&mask)));
                    (cross(crossing, &query, &Shown::of(&visn, attention), &lang, None), boxes)
                };
                let Some(boxes) = boxes else {
                    return lxrt.pool(&first_position(layer, &words, &mask));
                };
                lang = feed_forward(&layer.lang_feed_forward, &own(&layer.lang_self_att, &words, Some(&mask)));
                visn = feed_forward(&layer.visn_feed_forward, &own(&layer.visn_self_att, &boxes, None));
            }
            lxrt.pool(&lang)
        })
    }

    /// Logits (B, answers) of pooled outputs (B·images, H), those of an example adjacent.
    pub fn logits(&self, pooled: &Tensor) -> Tensor {
        no_grad(|| self.model.answer(pooled))
    }

    /// Where the model is.
    pub fn device(&self) -> Device {
        self.model.parameters().device()
    }

    /// Images an example.
    pub fn images_an_example(&self) -> usize {
        self.model.images as usize
    }
}

impl Shown {
    fn of(x: &Tensor, attention: &Attention) -> Self {
        Self { key: attention.key.forward(x), value: attention.value.forward(x) }
    }
}

/// A layer of the single-modality encoders.
fn single(layer: &BertLayer, x: &Tensor, mask: Option<&Tensor>) -> Tensor {
    feed_forward(&layer.feed_forward, &own(&layer.attention, x, mask))
}

/// Self attention.
fn own(block: &AttentionBlock, x: &Tensor, mask: Option<&Tensor>) -> Tensor {
    let attention = &block.attention;
    cross(block, &attention.query.forward(x), &Shown::of(x, attention), x, mask)
}

/// `hidden`, whose queries are `query`, attends to what is shown.
fn cross(block: &AttentionBlock, query: &Tensor, shown: &Shown, hidden: &Tensor, mask: Option<&Tensor>) -> Tensor {
    residual(&block.output, &attend(&block.attention, query, shown, mask), hidden)
}

/// The last cross layer after its look at the boxes: only the first position (B, 1, H) is asked for.
fn first_position(layer: &CrossLayer, words: &Tensor, mask: &Tensor) -> Tensor {
    let (block, first) = (&layer.lang_self_att, words.narrow(1, 0, 1).contiguous());
    let attention = &block.attention;
    let context = attend(attention, &attention.query.forward(&first), &Shown::of(words, attention), Some(mask));
    feed_forward(&layer.lang_feed_forward, &residual(&block.output, &context, &first))
}

/// Attention of queries (B, n, H) over keys and values (B, m, H), without dropout; to (B, n, H).
fn attend(attention: &Attention, query: &Tensor, shown: &Shown, mask: Option<&Tensor>) -> Tensor {
    let heads = |t: &Tensor| attention.split(t);
    let mixed = Tensor::scaled_dot_product_attention(
        &heads(query),
        &heads(&shown.key),
        &heads(&shown.value),
        mask,
        0.0,
        false,
        None::<f64>,
        false,
    );
    mixed.transpose(1, 2).reshape(query.size())
}

/// The feed-forward block; the wide states are overwritten, since their memory is the largest there is.
fn feed_forward(block: &FeedForward, x: &Tensor) -> Tensor {
    residual(&block.output, &block.intermediate.forward(x).gelu_("none"), x)
}

fn residual(output: &ResidualOutput, x: &Tensor, residual: &Tensor) -> Tensor {
    output.norm.forward(&output.dense.forward(x).g_add_(residual))
}

/// Cross attention between few words and more boxes that projects the words' side only.
///
/// With a head's query q = Wq·w + bq of a word w and key k = Wk·v + bk of a box v, q·k is (Wkᵀ·q)·v plus q·bk, which is
/// the same for every box and so nothing to the softmax; and Σ p·(Wv·v + bv) is Wv·(Σ p·v) + bv. Likewise the other way
/// around, where the output's weights go to the words' values. So each word is mapped to the boxes' space once a head, in
/// place of mapping every box four times.
struct Few<'a> {
    block: &'a AttentionBlock,
    /// Additive, of the words (B, 1, 1, S).
    mask: &'a Tensor,
}

impl Few<'_> {
    /// Whether this saves work; in units of H² multiplications the plain way costs 4·boxes, this one 4·words and four
    /// products of (words·heads, boxes, H), which run at about two thirds of the speed.
    fn worth_it(attention: &Attention, words: i64, boxes: i64) -> bool {
        let products = 1.5 * (words * attention.heads * boxes) as f64 / (attention.heads * attention.head_size) as f64;
        words as f64 + products < boxes as f64
    }

    /// Words (B, S, H), whose queries are `query`, after attending to boxes (B, O, H).
    fn at(&self, query: &Tensor, words: &Tensor, boxes: &Tensor) -> Tensor {
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

    /// Boxes (B, O, H) after attending to what is shown of the words.
    fn seen_from(&self, shown: &Shown, boxes: &Tensor) -> Tensor {
        let Attention { query, heads, head_size, .. } = &self.block.attention;
        let (size, output) = (shown.key.size(), &self.block.output);
        let (count, words) = (size[0], size[1]);
        let key = self.scaled(&shown.key);
        let across = self.spread(&key, &query.weight.view([*heads, *head_size, -1]));
        let by_head = [count, words, *heads, *head_size];
        let mut shift = (key * &query.bias).view(by_head).sum_dim_intlist([3i64].as_slice(), false, Kind::Float);
        let shift = shift.g_add_(&self.mask.view([count, words, 1]));
        let scores = shift.view([count, words * heads, 1]).baddbmm(&across, &boxes.transpose(1, 2), 1, 1);
        let probabilities = scores.view([count, words, -1]).softmax(1, None::<Kind>).view(scores.size().as_slice());
        let weight = output.dense.weight.view([-1, *heads, *head_size]).permute([1, 2, 0]);
        let values = self.spread(&shown.value, &weight);
        let sum = boxes.baddbmm(&probabilities.transpose(1, 2), &values, 1, 1).g_add_(&output.dense.bias);
        output.norm.forward(&sum)
    }

    /// Each head's share of x (B, S, H) times the head's map (heads, head size, H): (B, S·heads, H).
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
