//! Sizes of a model: the presets of `--model`, and reading and checking sizes from a JSON file. Builds no model.

use std::path::Path;

use serde::{Deserialize, Serialize};

use base::error::{Error, Result};
use base::files;
use data::features::{ATTRIBUTE_CLASSES, OBJECT_CLASSES, RELEASED_WIDTH};

/// The sizes, dropout rates and initialisation of an LXRT model.
///
/// Field names follow `bert_config.json` and the original's `VisualConfig` (src/lxrt/modeling.py @ 0db1182).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// WordPiece vocabulary size.
    pub vocab_size: usize,
    /// Width H of every hidden state.
    pub hidden_size: usize,
    /// Attention heads; must divide `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layers.
    pub intermediate_size: usize,
    /// Rows of the position embedding table.
    pub max_position_embeddings: usize,
    /// Rows of the token type embedding table.
    pub type_vocab_size: usize,
    /// Language layers (paper: N_L, 9).
    pub l_layers: usize,
    /// Cross-modality layers (N_X, 5).
    pub x_layers: usize,
    /// Object-relationship layers (N_R, 5).
    pub r_layers: usize,
    /// Width of a box's feature.
    pub visual_feat_dim: usize,
    /// Numbers per box (x1, y1, x2, y2).
    pub visual_pos_dim: usize,
    /// Object classes of the pre-training head.
    pub obj_id_num: usize,
    /// Attribute classes of the pre-training head.
    pub attr_id_num: usize,
    /// Dropout of hidden states.
    pub hidden_dropout_prob: f64,
    /// Dropout of attention probabilities.
    pub attention_probs_dropout_prob: f64,
    /// Standard deviation of the normal initialisation.
    pub initializer_range: f64,
}

/// A name and the sizes it stands for.
type Preset = (&'static str, fn() -> Config);

/// The presets by name; also the choices of `--model`.
const PRESETS: [Preset; 4] =
    [("lxr955", Config::lxr955), ("small", Config::small), ("tiny", Config::tiny), ("demo", Config::demo)];

impl Config {
    /// Returns the paper's model: BERT-base widths, 9 language, 5 cross-modality and 5 object-relationship layers.
    pub const fn lxr955() -> Self {
        Self {
            vocab_size: 30522,
            hidden_size: 768,
            num_attention_heads: 12,
            intermediate_size: 3072,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            l_layers: 9,
            x_layers: 5,
            r_layers: 5,
            visual_feat_dim: RELEASED_WIDTH,
            visual_pos_dim: 4,
            obj_id_num: OBJECT_CLASSES as usize,
            attr_id_num: ATTRIBUTE_CLASSES as usize,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            initializer_range: 0.02,
        }
    }

    /// Returns the model of the reference fixtures and of quick runs: hidden size 32, 4 heads, 2/2/2 layers.
    pub const fn tiny() -> Self {
        Self {
            hidden_size: 32,
            num_attention_heads: 4,
            intermediate_size: 64,
            l_layers: 2,
            x_layers: 2,
            r_layers: 2,
            ..Self::lxr955()
        }
    }

    /// Returns a model that memorises a handful of real images in half a minute on two cores: hidden size 64, 4 heads,
    /// 1/1/1 layers.
    pub const fn small() -> Self {
        Self {
            hidden_size: 64,
            num_attention_heads: 4,
            intermediate_size: 128,
            l_layers: 1,
            x_layers: 1,
            r_layers: 1,
            // Learns fastest at this width; 0.02, 0.06, 0.08 and 0.12 were tried too.
            initializer_range: 0.1,
            ..Self::lxr955()
        }
    }

    /// Returns the model of `repro all --profile demo`: [`small`](Self::small) without dropout, for short sentences.
    pub const fn demo() -> Self {
        Self {
            max_position_embeddings: 32,
            hidden_dropout_prob: 0.0,
            attention_probs_dropout_prob: 0.0,
            ..Self::small()
        }
    }

    /// Returns the preset of a name.
    ///
    /// # Errors
    /// Usage if there is no such preset.
    pub fn preset(name: &str) -> Result<Self> {
        let found = PRESETS.iter().find(|(preset, _)| *preset == name);
        found.map(|(_, make)| make()).ok_or_else(|| {
            Error::usage(format!("unknown model preset {name:?}"))
                .next(format!("use one of {}", Self::preset_names().join(", ")))
        })
    }

    /// Reads a JSON file of sizes.
    ///
    /// # Errors
    /// Data if the file does not hold a model configuration; I/O if it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        const LARGEST: u64 = 1 << 20;
        serde_json::from_str(&files::read_text(path, LARGEST)?).map_err(|e| {
            Error::data(format!("{} is not a model configuration", path.display()))
                .because(e)
                .next(format!("correct the file, or use a preset: {}", Self::preset_names().join(", ")))
        })
    }

    /// Returns the names of the presets.
    pub fn preset_names() -> [&'static str; PRESETS.len()] {
        PRESETS.map(|(name, _)| name)
    }

    /// Returns the width of one attention head: `hidden_size / num_attention_heads`.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    /// Checks that a model can have these sizes.
    ///
    /// # Errors
    /// Usage, with the size that is wrong.
    pub fn check(&self) -> Result<()> {
        let positive = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
            ("x_layers", self.x_layers),
            ("visual_feat_dim", self.visual_feat_dim),
            ("visual_pos_dim", self.visual_pos_dim),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(Error::usage(format!("the model's {name} is 0; it must be at least 1"))
                .next(format!("set {name} in the model configuration")));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(Error::usage(format!(
                "the hidden size {} is not a multiple of {} attention heads",
                self.hidden_size, self.num_attention_heads
            ))
            .next("change hidden_size or num_attention_heads in the model configuration"));
        }
        for (name, p) in [("hidden", self.hidden_dropout_prob), ("attention", self.attention_probs_dropout_prob)] {
            if !(0.0..1.0).contains(&p) {
                return Err(Error::usage(format!("the {name} dropout is {p}; it must be at least 0 and less than 1"))
                    .next("change it in the model configuration"));
            }
        }
        Ok(())
    }
}
