//! Loads a checkpoint and computes the wanted outputs of a batch.

use std::cell::RefCell;
use std::path::Path;

use indexmap::IndexMap;
use tch::{Device, Tensor};

use super::super::attention::attention_maps;
use super::super::sizes::{AttentionHeads, Sizes};
use crate::model::encoder::{Inputs, Lxrt};
use crate::model::heads::{AnswerHead, ObjectHead, PretrainingHeads};
use crate::model::pretraining::TIED_DECODER;
use crate::model::task::ENCODER_PREFIX;
use crate::model::{Parameters, Pass};
use base::error::Result;
use checkpoint::{self, StateDict};
use lxmert_spec::loading::{CheckpointWeights, ModelHeads};

/// What is wanted besides the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Want {
    /// Attention probabilities of every layer and head.
    pub attention: bool,
    /// Scores of the heads.
    pub heads: bool,
}

/// A model that encodes and does not learn.
pub struct Encoder {
    sizes: Sizes,
    parameters: Parameters,
    lxrt: Lxrt,
    words: Option<PretrainingHeads>,
    objects: Option<ObjectHead>,
    answers: Option<AnswerHead>,
    notes: Vec<String>,
}

impl Encoder {
    /// Reads a checkpoint, whoever's names it has. Every tensor of it is used, and every tensor of the model comes
    /// from it.
    ///
    /// # Errors
    /// As [`Sizes::of`]; data where the checkpoint is damaged, or has tensors too few, too many or of another shape.
    pub fn read(path: &Path, heads: AttentionHeads, device: Device) -> Result<Self> {
        let weights = lxmert_spec::loading::read_weights(path)?;
        let encoder = Self::new(weights.state, heads, device)
            .map_err(|e| e.while_doing(format!("cannot load {}", path.display())))?;
        Ok(Self { notes: weights.notes, ..encoder })
    }

    /// [`read`](Self::read) for tensors at hand.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn new(state: StateDict, heads: AttentionHeads, device: Device) -> Result<Self> {
        let CheckpointWeights { state, notes, .. } = lxmert_spec::loading::to_original(state)?;
        let (sizes, catalogue) = Sizes::of(&state, heads)?;
        let mut state = catalogue.arrange(state)?;
        state.shift_remove(TIED_DECODER);

        let config = &sizes.config;
        let parameters = Parameters::new(device, config.initializer_range);
        let root = parameters.root();
        let (encoder, answers) = match sizes.heads {
            ModelHeads::Answers { .. } => (root.sub(ENCODER_PREFIX.trim_end_matches('.')), root.sub("logit_fc")),
            _ => (root.clone(), root.sub("answer_head.logit_fc")),
        };
        let lxrt = Lxrt::new(&encoder.sub("bert"), config);
        let words = sizes.words().then(|| PretrainingHeads::new(&root.sub("cls"), config));
        let objects = sizes.objects().contains(&true).then(|| ObjectHead::new(&root.sub("obj_predict_head"), config));
        let width = sizes.images() * config.hidden_size;
        let answers = sizes.answers().map(|count| AnswerHead::new(&answers, width, config, count));
        // A decoder of the object head that the checkpoint does not have is never asked for its scores.
        parameters.load(&state)?;
        Ok(Self { parameters, lxrt, words, objects, answers, sizes, notes })
    }

    /// What the checkpoint holds.
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// What was done to the names of another program's file.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.parameters.device()
    }

    /// All outputs for a batch of B sentences (ids (B, S)) with an image each, by name. B must be a multiple of
    /// [`Sizes::images`] where the answer head's scores are wanted: the images of a pair are adjacent.
    ///
    /// | name | shape | |
    /// |---|---|---|
    /// | `lang` | (B, S, H) | language states; those of padding have no meaning |
    /// | `visn` | (B, O, H) | visual states |
    /// | `pooled` | (B, H) | cross-modality state of `[CLS]` |
    /// | `attention.*` | (B, heads, queries, keys) | see [`attention_maps`] |
    /// | `heads.mask_positions` | (M, 2) int64 | row and position of every `[MASK]` (`mask_id`) |
    /// | `heads.words` | (M, vocab) | scores of the words in their places |
    /// | `heads.matched` | (B, 2) | scores of: does not belong to the image, belongs to it |
    /// | `heads.obj`, `heads.attr` | (B, O, classes) | scores of each box's object and attribute class |
    /// | `heads.feat` | (B, O, visual_feat_dim) | each box's feature as predicted |
    /// | `heads.answer` | (B / images, answers) | scores of the answers |
    ///
    /// Heads that the checkpoint does not have are left out.
    ///
    /// # Errors
    /// A bug where the model does not show its attention.
    pub fn forward(&self, inputs: &Inputs, mask_id: i64, want: Want) -> Result<IndexMap<String, Tensor>> {
        let _no_grad = tch::no_grad_guard();
        let taps = RefCell::new(Vec::new());
        let pass = Pass { train: false, taps: want.attention.then_some(&taps) };
        let out = self.lxrt.forward(inputs, pass);
        let mut named = IndexMap::new();
        if want.attention {
            named = attention_maps(taps.take(), &self.sizes.config)?;
        }
        let mut put = |name: &str, tensor: Tensor| drop(named.insert(name.to_owned(), tensor));
        if want.heads {
            if let Some(heads) = &self.words {
                let positions = inputs.ids.eq(mask_id).nonzero();
                let at = [Some(positions.select(1, 0)), Some(positions.select(1, 1))];
                put("heads.words", heads.words(&out.lang.index(&at), self.lxrt.word_table()));
                put("heads.mask_positions", positions);
                put("heads.matched", heads.matched(&out.pooled));
            }
            if let Some(heads) = &self.objects {
                let wanted = self.sizes.objects();
                let scores = heads.forward(&out.visn, wanted);
                let scores = [("heads.obj", scores.obj), ("heads.attr", scores.attr), ("heads.feat", scores.feat)];
                for ((name, scores), _) in scores.into_iter().zip(wanted).filter(|(_, wanted)| *wanted) {
                    put(name, scores);
                }
            }
            if let Some(head) = &self.answers {
                let width = (self.sizes.images() * self.sizes.config.hidden_size) as i64;
                put("heads.answer", head.forward(&out.pooled.reshape([-1, width])));
            }
        }
        put("lang", out.lang);
        put("visn", out.visn);
        put("pooled", out.pooled);
        Ok(named)
    }
}
