//! Multi-head attention and the blocks of a BERT layer.

use tch::{Kind, Tensor};

use super::layers::{ForwardContext, Linear, ResidualOutput, gelu};
use super::parameters::ParameterScope;
use lxmert_spec::config::Config;

/// Scaled dot-product attention of queries over a context (BertAttention, src/lxrt/modeling.py @ 0db1182).
pub(super) struct Attention {
    name: String,
    pub(super) query: Linear,
    pub(super) key: Linear,
    pub(super) value: Linear,
    pub(super) heads: i64,
    pub(super) head_size: i64,
    dropout: f64,
}

impl Attention {
    fn new(at: &ParameterScope, config: &Config) -> Self {
        let square = |name: &str| Linear::new(&at.sub(name), config.hidden_size, config.hidden_size);
        Self {
            name: at.name().to_owned(),
            query: square("query"),
            key: square("key"),
            value: square("value"),
            heads: config.num_attention_heads as i64,
            head_size: config.head_size() as i64,
            dropout: config.attention_probs_dropout_prob,
        }
    }

    /// Splits x (B, len, H) into heads: (B, heads, len, head size).
    pub(super) fn split(&self, x: &Tensor) -> Tensor {
        let size = x.size();
        x.view([size[0], size[1], self.heads, self.head_size]).transpose(1, 2)
    }

    fn forward(&self, hidden: &Tensor, context: &Tensor, mask: Option<&Tensor>, pass: ForwardContext) -> Tensor {
        let query = self.split(&self.query.forward(hidden));
        let key = self.split(&self.key.forward(context));
        let value = self.split(&self.value.forward(context));
        let mut scores = query.matmul(&key.transpose(-1, -2)) / (self.head_size as f64).sqrt();
        if let Some(mask) = mask {
            scores += mask;
        }
        let probabilities = scores.softmax(-1, Kind::Float);
        pass.tap(|| format!("{}.probabilities", self.name), &probabilities);
        let probabilities = pass.dropout(probabilities, self.dropout);
        let context = probabilities.matmul(&value).transpose(1, 2).contiguous();
        context.view_(hidden.size())
    }
}

/// An attention with its output block; the residual comes from the query side (BertSelfattLayer and BertCrossattLayer, which differ
/// only in the name of the inner scope: `self` and `att`).
pub struct AttentionBlock {
    pub(super) attention: Attention,
    pub(super) output: ResidualOutput,
}

impl AttentionBlock {
    /// Registers `inner.{query,key,value}` and `output`.
    pub fn new(at: &ParameterScope, inner: &str, config: &Config) -> Self {
        Self {
            attention: Attention::new(&at.sub(inner), config),
            output: ResidualOutput::new(
                &at.sub("output"),
                config.hidden_size,
                config.hidden_size,
                config.hidden_dropout_prob,
            ),
        }
    }

    /// Lets `hidden` (B, n, H) attend to `context` (B, m, H); returns (B, n, H). The additive mask is broadcast over
    /// (B, heads, n, m).
    pub fn forward(&self, hidden: &Tensor, context: &Tensor, mask: Option<&Tensor>, pass: ForwardContext) -> Tensor {
        self.output.forward(&self.attention.forward(hidden, context, mask, pass), hidden, pass)
    }
}

/// A feed-forward block: LN(W2·gelu(W1·h) + h) (BertIntermediate and BertOutput).
pub struct FeedForward {
    pub(super) intermediate: Linear,
    pub(super) output: ResidualOutput,
}

impl FeedForward {
    /// Registers `intermediate.dense` under `inter` and the output block under `output`.
    pub fn new(inter: &ParameterScope, output: &ParameterScope, config: &Config) -> Self {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        Self {
            intermediate: Linear::new(&inter.sub("dense"), hidden, wide),
            output: ResidualOutput::new(output, wide, hidden, config.hidden_dropout_prob),
        }
    }

    /// Transforms x (B, len, H); the result has the same shape.
    pub fn forward(&self, x: &Tensor, pass: ForwardContext) -> Tensor {
        self.output.forward(&gelu(&self.intermediate.forward(x)), x, pass)
    }
}

/// A layer of the single-modality encoders (BertLayer, src/lxrt/modeling.py @ 0db1182).
pub struct BertLayer {
    pub(super) attention: AttentionBlock,
    pub(super) feed_forward: FeedForward,
}

impl BertLayer {
    /// Registers `attention`, `intermediate`, `output`.
    pub fn new(at: &ParameterScope, config: &Config) -> Self {
        Self {
            attention: AttentionBlock::new(&at.sub("attention"), "self", config),
            feed_forward: FeedForward::new(&at.sub("intermediate"), &at.sub("output"), config),
        }
    }

    /// Transforms x (B, len, H); the result has the same shape.
    pub fn forward(&self, x: &Tensor, mask: Option<&Tensor>, pass: ForwardContext) -> Tensor {
        self.feed_forward.forward(&self.attention.forward(x, x, mask, pass), pass)
    }
}

/// Returns the additive mask (1 − mask)·(−10000), of shape (B, 1, 1, keys), for a 1/0 mask (B, keys).
///
/// It is not −∞: if every key is masked, attention follows the raw scores, as in the original.
pub fn additive_mask(mask: &Tensor) -> Tensor {
    let mask = mask.to_kind(Kind::Float).unsqueeze(1).unsqueeze(2);
    (1.0 - mask) * -10000.0
}
