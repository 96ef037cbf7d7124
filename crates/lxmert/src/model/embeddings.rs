//! The embeddings of words, and of detected boxes.

use tch::{Kind, Tensor};

use super::layers::{ForwardContext, LayerNorm, Linear};
use super::parameters::ParameterScope;
use lxmert_spec::config::Config;

/// The embedding of words: the sum of word, position and token type embeddings, then layer norm and dropout
/// (BertEmbeddings, src/lxrt/modeling.py @ 0db1182).
///
/// As in the original, row 0 of each table gets no gradient (`padding_idx=0`): the `[PAD]` word, but also position 0 and token
/// type 0.
pub struct Embeddings {
    word: Tensor,
    position: Tensor,
    token_type: Tensor,
    norm: LayerNorm,
    dropout: f64,
}

impl Embeddings {
    /// Registers the three tables and `LayerNorm`.
    pub fn new(at: &ParameterScope, config: &Config) -> Self {
        let table = |name: &str, rows| at.sub(name).normal("weight", &[rows, config.hidden_size]);
        Self {
            word: table("word_embeddings", config.vocab_size),
            position: table("position_embeddings", config.max_position_embeddings),
            token_type: table("token_type_embeddings", config.type_vocab_size),
            norm: LayerNorm::new(&at.sub("LayerNorm"), config.hidden_size),
            dropout: config.hidden_dropout_prob,
        }
    }

    /// Maps ids and token types (B, S) int64, with S at most `max_position_embeddings`, to (B, S, H).
    pub fn forward(&self, ids: &Tensor, token_types: Option<&Tensor>, pass: ForwardContext) -> Tensor {
        let positions = Tensor::arange(ids.size()[1], (Kind::Int64, ids.device())).unsqueeze(0).expand_as(ids);
        let zeros = token_types.is_none().then(|| ids.zeros_like());
        let token_types = token_types.or(zeros.as_ref()).unwrap_or(ids);
        let sum =
            look_up(&self.word, ids) + look_up(&self.position, &positions) + look_up(&self.token_type, token_types);
        let out = pass.dropout(self.norm.forward(&sum), self.dropout);
        pass.tap(|| "embeddings".to_owned(), &out);
        out
    }

    /// Returns the word embedding table (vocab, H), which is also the masked-word decoder.
    pub fn word_table(&self) -> &Tensor {
        &self.word
    }
}

fn look_up(table: &Tensor, ids: &Tensor) -> Tensor {
    Tensor::embedding(table, ids, 0, false, false)
}

/// The embedding of boxes: the mean of the normalised projections of a box's feature and of its position, then dropout
/// (VisualFeatEncoder, src/lxrt/modeling.py @ 0db1182; paper section 2.1).
pub struct VisualFeatEncoder {
    features: Linear,
    features_norm: LayerNorm,
    boxes: Linear,
    boxes_norm: LayerNorm,
    dropout: f64,
}

impl VisualFeatEncoder {
    /// Registers `visn_fc`, `visn_layer_norm`, `box_fc`, `box_layer_norm`.
    pub fn new(at: &ParameterScope, config: &Config) -> Self {
        let hidden = config.hidden_size;
        Self {
            features: Linear::new(&at.sub("visn_fc"), config.visual_feat_dim, hidden),
            features_norm: LayerNorm::new(&at.sub("visn_layer_norm"), hidden),
            boxes: Linear::new(&at.sub("box_fc"), config.visual_pos_dim, hidden),
            boxes_norm: LayerNorm::new(&at.sub("box_layer_norm"), hidden),
            dropout: config.hidden_dropout_prob,
        }
    }

    /// Maps features (B, O, visual_feat_dim) and boxes (B, O, 4) in \[0, 1\] to (B, O, H).
    pub fn forward(&self, features: &Tensor, boxes: &Tensor, pass: ForwardContext) -> Tensor {
        let x = self.features_norm.forward(&self.features.forward(features));
        let y = self.boxes_norm.forward(&self.boxes.forward(boxes));
        let out = pass.dropout((x + y) / 2.0, self.dropout);
        pass.tap(|| "encoder.visn_fc".to_owned(), &out);
        out
    }
}
