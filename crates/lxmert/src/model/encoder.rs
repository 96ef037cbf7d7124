//! The encoder, without heads: embeddings, language, object-relationship and cross-modality layers, and pooler.

use tch::Tensor;

use super::attention::{AttentionBlock, BertLayer, FeedForward, additive_mask};
use super::embeddings::{Embeddings, VisualFeatEncoder};
use super::layers::{ForwardContext, Linear};
use super::parameters::ParameterScope;
use lxmert_spec::config::Config;

/// A cross-modality layer (LXRTXLayer, src/lxrt/modeling.py @ 0db1182; paper section 2.2).
/// One set of cross attention weights serves both directions, and both start from the layer's inputs.
pub(super) struct CrossLayer {
    pub(super) visual_attention: AttentionBlock,
    pub(super) lang_self_att: AttentionBlock,
    pub(super) visn_self_att: AttentionBlock,
    pub(super) lang_feed_forward: FeedForward,
    pub(super) visn_feed_forward: FeedForward,
}

impl CrossLayer {
    fn new(at: &ParameterScope, config: &Config) -> Self {
        Self {
            visual_attention: AttentionBlock::new(&at.sub("visual_attention"), "att", config),
            lang_self_att: AttentionBlock::new(&at.sub("lang_self_att"), "self", config),
            visn_self_att: AttentionBlock::new(&at.sub("visn_self_att"), "self", config),
            lang_feed_forward: FeedForward::new(&at.sub("lang_inter"), &at.sub("lang_output"), config),
            visn_feed_forward: FeedForward::new(&at.sub("visn_inter"), &at.sub("visn_output"), config),
        }
    }

    fn language(&self, s: &Streams, pass: ForwardContext) -> Tensor {
        let x = self.visual_attention.forward(&s.lang, &s.visn, s.visn_mask.as_ref(), pass);
        let x = self.lang_self_att.forward(&x, &x, s.lang_mask.as_ref(), pass);
        self.lang_feed_forward.forward(&x, pass)
    }

    fn vision(&self, s: &Streams, pass: ForwardContext) -> Tensor {
        let x = self.visual_attention.forward(&s.visn, &s.lang, s.lang_mask.as_ref(), pass);
        let x = self.visn_self_att.forward(&x, &x, s.visn_mask.as_ref(), pass);
        self.visn_feed_forward.forward(&x, pass)
    }
}

/// The hidden states of both modalities between layers, with their additive masks.
struct Streams {
    lang: Tensor,
    lang_mask: Option<Tensor>,
    visn: Tensor,
    visn_mask: Option<Tensor>,
}

/// The input of the encoder.
pub struct EncoderInputs<'a> {
    /// Word ids (B, S) int64.
    pub ids: &'a Tensor,
    /// 1 for words, 0 for padding (B, S); `None` if nothing is padded.
    pub mask: Option<&'a Tensor>,
    /// Segment ids (B, S) int64; `None` for zeros.
    pub token_types: Option<&'a Tensor>,
    /// Box features (B, O, visual_feat_dim).
    pub features: &'a Tensor,
    /// Boxes (B, O, 4), x1 y1 x2 y2 in [0, 1].
    pub boxes: &'a Tensor,
    /// 1 for boxes, 0 for padding (B, O); `None` if nothing is padded, as in the original's programs.
    pub visual_mask: Option<&'a Tensor>,
}

impl<'a> EncoderInputs<'a> {
    /// Returns the input of the original's programs: padded sentences of one segment, and images without padded boxes.
    pub fn padded([ids, mask]: [&'a Tensor; 2], features: &'a Tensor, boxes: &'a Tensor) -> Self {
        Self { ids, mask: Some(mask), token_types: None, features, boxes, visual_mask: None }
    }
}

/// The output of the encoder.
pub struct EncoderOutputs {
    /// Language states (B, S, H).
    pub lang: Tensor,
    /// Visual states (B, O, H).
    pub visn: Tensor,
    /// Cross-modality state of `[CLS]` after a linear map and tanh (B, H).
    pub pooled: Tensor,
}

/// LXMERT without heads (LXRTModel, src/lxrt/modeling.py @ 0db1182). Parameters are named `bert.*`.
pub struct Lxrt {
    pub(super) embeddings: Embeddings,
    pub(super) visn_fc: VisualFeatEncoder,
    pub(super) layers: Vec<BertLayer>,
    pub(super) x_layers: Vec<CrossLayer>,
    pub(super) r_layers: Vec<BertLayer>,
    pooler: Linear,
}

impl Lxrt {
    /// Registers everything under `at` (`bert`), in the original's order.
    pub fn new(at: &ParameterScope, config: &Config) -> Self {
        let embeddings = Embeddings::new(&at.sub("embeddings"), config);
        let at_encoder = at.sub("encoder");
        let visn_fc = VisualFeatEncoder::new(&at_encoder.sub("visn_fc"), config);
        let stack = |name: &str, n| (0..n).map(|i| BertLayer::new(&at_encoder.sub(name).sub(i), config)).collect();
        let layers = stack("layer", config.l_layers);
        let x_layers =
            (0..config.x_layers).map(|i| CrossLayer::new(&at_encoder.sub("x_layers").sub(i), config)).collect();
        let r_layers = stack("r_layers", config.r_layers);
        let pooler = Linear::new(&at.sub("pooler.dense"), config.hidden_size, config.hidden_size);
        Self { embeddings, visn_fc, layers, x_layers, r_layers, pooler }
    }

    /// Computes all outputs.
    pub fn forward(&self, inputs: &EncoderInputs, pass: ForwardContext) -> EncoderOutputs {
        let mut s = self.single_modality(inputs, pass);
        for (i, layer) in self.x_layers.iter().enumerate() {
            (s.lang, s.visn) = (layer.language(&s, pass), layer.vision(&s, pass));
            pass.tap(|| format!("encoder.x_layers.{i}.lang"), &s.lang);
            pass.tap(|| format!("encoder.x_layers.{i}.visn"), &s.visn);
        }
        EncoderOutputs { pooled: self.pool(&s.lang), lang: s.lang, visn: s.visn }
    }

    /// Computes the pooled output (B, H) alone. Skips the visual half of the last cross-modality layer, on which it does not
    /// depend.
    pub fn forward_pooled(&self, inputs: &EncoderInputs, pass: ForwardContext) -> Tensor {
        let mut s = self.single_modality(inputs, pass);
        for (i, layer) in self.x_layers.iter().enumerate() {
            let lang = layer.language(&s, pass);
            if i + 1 < self.x_layers.len() {
                s.visn = layer.vision(&s, pass);
            }
            s.lang = lang;
        }
        self.pool(&s.lang)
    }

    /// Returns the word embedding table (vocab, H), which is also the masked-word decoder.
    pub fn word_table(&self) -> &Tensor {
        self.embeddings.word_table()
    }

    fn single_modality(&self, inputs: &EncoderInputs, pass: ForwardContext) -> Streams {
        let lang_mask = inputs.mask.map(additive_mask);
        let visn_mask = inputs.visual_mask.map(additive_mask);
        let mut lang = self.embeddings.forward(inputs.ids, inputs.token_types, pass);
        let mut visn = self.visn_fc.forward(inputs.features, inputs.boxes, pass);
        for (i, layer) in self.layers.iter().enumerate() {
            lang = layer.forward(&lang, lang_mask.as_ref(), pass);
            pass.tap(|| format!("encoder.layer.{i}"), &lang);
        }
        for (i, layer) in self.r_layers.iter().enumerate() {
            visn = layer.forward(&visn, visn_mask.as_ref(), pass);
            pass.tap(|| format!("encoder.r_layers.{i}"), &visn);
        }
        Streams { lang, lang_mask, visn, visn_mask }
    }

    /// Maps language states (B, S, H) to the pooled output (B, H): tanh of a linear map of the first position.
    pub(super) fn pool(&self, lang: &Tensor) -> Tensor {
        self.pooler.forward(&lang.select(1, 0)).tanh()
    }
}
