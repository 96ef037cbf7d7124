//! The prediction heads: answers, masked words, image-sentence matching, objects.

use tch::Tensor;

use super::layers::{HeadTransform, LayerNorm, Linear, gelu};
use super::parameters::ParameterScope;
use lxmert_spec::config::Config;

/// The two-layer answer head `logit_fc`: Linear, gelu, layer norm, Linear
/// (BertVisualAnswerHead, src/lxrt/modeling.py, and src/tasks/vqa_model.py @ 0db1182).
pub struct AnswerHead {
    first: Linear,
    norm: LayerNorm,
    last: Linear,
}

impl AnswerHead {
    /// Registers `0` (2H, inp), `2` (2H) and `3` (answers, 2H) under `at`, which is named `logit_fc`.
    pub fn new(at: &ParameterScope, inp: usize, config: &Config, answers: usize) -> Self {
        let wide = 2 * config.hidden_size;
        Self {
            first: Linear::new(&at.sub(0), inp, wide),
            norm: LayerNorm::new(&at.sub(2), wide),
            last: Linear::new(&at.sub(3), wide, answers),
        }
    }

    /// Maps pooled states (B, inp) to logits (B, answers).
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.last.forward(&self.norm.forward(&gelu(&self.first.forward(x))))
    }
}

/// The heads for masked words and image-sentence matching (BertPreTrainingHeads, src/lxrt/modeling.py @ 0db1182).
pub struct PretrainingHeads {
    bias: Tensor,
    transform: HeadTransform,
    seq_relationship: Linear,
}

impl PretrainingHeads {
    /// Registers `predictions.{bias,transform}` and `seq_relationship` under `at` (`cls`). The decoder is the word embedding table
    /// itself.
    pub fn new(at: &ParameterScope, config: &Config) -> Self {
        let predictions = at.sub("predictions");
        Self {
            bias: predictions.filled("bias", &[config.vocab_size], 0.0),
            transform: HeadTransform::new(&predictions.sub("transform"), config.hidden_size),
            seq_relationship: Linear::new(&at.sub("seq_relationship"), config.hidden_size, 2),
        }
    }

    /// Maps language states (…, H) to word scores (…, vocab), decoded with the word embedding table (vocab, H).
    pub fn words(&self, lang: &Tensor, word_table: &Tensor) -> Tensor {
        self.transform.forward(lang).linear(word_table, None::<&Tensor>) + &self.bias
    }

    /// Maps pooled states (B, H) to matching scores (B, 2). Class 1 means that sentence and image belong together.
    pub fn matched(&self, pooled: &Tensor) -> Tensor {
        self.seq_relationship.forward(pooled)
    }
}

/// The head for the object class, attribute class and feature of every box (BertVisualObjHead, src/lxrt/modeling.py @ 0db1182).
pub struct ObjectHead {
    transform: HeadTransform,
    obj: Linear,
    attr: Linear,
    feat: Linear,
}

/// The scores of an [`ObjectHead`]. Scores that were not requested are undefined tensors.
pub struct ObjectScores {
    /// (B, O, object classes).
    pub obj: Tensor,
    /// (B, O, attribute classes).
    pub attr: Tensor,
    /// (B, O, visual_feat_dim).
    pub feat: Tensor,
}

impl ObjectHead {
    /// Registers `transform` and `decoder_dict.{obj,attr,feat}` under `at` (`obj_predict_head`).
    pub fn new(at: &ParameterScope, config: &Config) -> Self {
        let decoder = |name: &str, out| Linear::new(&at.sub("decoder_dict").sub(name), config.hidden_size, out);
        Self {
            transform: HeadTransform::new(&at.sub("transform"), config.hidden_size),
            obj: decoder("obj", config.obj_id_num),
            attr: decoder("attr", config.attr_id_num),
            feat: decoder("feat", config.visual_feat_dim),
        }
    }

    /// Maps visual states (B, O, H) to the scores that are `wanted`, in the order objects, attributes, features.
    pub fn forward(&self, visn: &Tensor, wanted: [bool; 3]) -> ObjectScores {
        let x = if wanted.contains(&true) { self.transform.forward(visn) } else { Tensor::new() };
        let [obj, attr, feat] = wanted;
        let score = |wanted, decoder: &Linear| if wanted { decoder.forward(&x) } else { Tensor::new() };
        ObjectScores { obj: score(obj, &self.obj), attr: score(attr, &self.attr), feat: score(feat, &self.feat) }
    }
}
