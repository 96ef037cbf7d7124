//! Loads a checkpoint with its heads, and computes the requested outputs of a batch.

use std::cell::RefCell;
use std::path::Path;

use indexmap::IndexMap;
use tch::{Device, Tensor};

use super::super::attention::attention_maps;
use super::super::sizes::{AttentionHeads, ModelSizes};
use crate::model::encoder::{EncoderInputs, Lxrt};
use crate::model::heads::{AnswerHead, ObjectHead, PretrainingHeads};
use crate::model::pretraining::TIED_DECODER;
use crate::model::task::ENCODER_PREFIX;
use crate::model::{ForwardContext, Parameters};
use base::error::Result;
use checkpoint::{self, StateDict};
use lxmert_spec::loading::{CheckpointWeights, ModelHeads};

/// The outputs that are computed besides the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct RequestedOutputs {
    /// Attention probabilities of every layer and head.
    pub attention: bool,
    /// Scores of the heads.
    pub heads: bool,
}

/// A model for encoding: the encoder with the heads of its checkpoint. It cannot be trained.
pub struct Encoder {
    sizes: ModelSizes,
    parameters: Parameters,
    lxrt: Lxrt,
    words: Option<PretrainingHeads>,
    objects: Option<ObjectHead>,
    answers: Option<AnswerHead>,
    notes: Vec<String>,
}

impl Encoder {
    /// Reads a checkpoint in any supported format. All of its tensors are used, and all of the model's tensors come from it.
    ///
    /// # Errors
    /// Those of [`ModelSizes::of`]; data if the checkpoint is damaged, or if tensors are missing, superfluous or of another shape.
    pub fn read(path: &Path, heads: AttentionHeads, device: Device) -> Result<Self> {
        let weights = lxmert_spec::loading::read_weights(path)?;
        let encoder = Self::new(weights.state, heads, device)
            .map_err(|e| e.while_doing(format!("cannot load {}", path.display())))?;
        Ok(Self { notes: weights.notes, ..encoder })
    }

    /// Like [`read`](Self::read), for tensors that were already read.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn new(state: StateDict, heads: AttentionHeads, device: Device) -> Result<Self> {
        let CheckpointWeights { state, notes, .. } = lxmert_spec::loading::to_original(state)?;
        let (sizes, catalogue) = ModelSizes::of(&state, heads)?;
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
        // The scores of decoders that the checkpoint does not have are never computed.
        parameters.load(&state)?;
        Ok(Self { parameters, lxrt, words, objects, answers, sizes, notes })
    }

    /// Returns the sizes and heads of the checkpoint.
    pub fn sizes(&self) -> &ModelSizes {
        &self.sizes
    }

    /// Returns notes on how names in the file were changed, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the device of the model.
    pub fn device(&self) -> Device {
        self.parameters.device()
    }

    /// Computes the outputs for a batch of B sentences (ids (B, S)) with an image each, by name. The images of a pair are adjacent.
    /// If the scores of the answer head are requested, B must be a multiple of [`ModelSizes::images`].
    ///
    /// | name | shape | |
    /// |---|---|---|
    /// | `lang` | (B, S, H) | language states; those of padding have no meaning |
    /// | `visn` | (B, O, H) | visual states |
    /// | `pooled` | (B, H) | cross-modality state of `[CLS]` |
    /// | `attention.*` | (B, heads, queries, keys) | see [`attention_maps`] |
    /// | `heads.mask_positions` | (M, 2) int64 | row and position of every `[MASK]` (`mask_id`) |
    /// | `heads.words` | (M, vocab) | scores of the words in their places |
    /// | `heads.matched` | (B, 2) | matching scores: class 0 does not belong to the image, class 1 does |
    /// | `heads.obj`, `heads.attr` | (B, O, classes) | scores of each box's object and attribute class |
    /// | `heads.feat` | (B, O, visual_feat_dim) | each box's feature as predicted |
    /// | `heads.answer` | (B / images, answers) | scores of the answers |
    ///
    /// Outputs of heads that the checkpoint does not have are missing.
    ///
    /// # Errors
    /// Only on a bug: the model did not collect its attention.
    pub fn forward(
        &self,
        inputs: &EncoderInputs,
        mask_id: i64,
        requested: RequestedOutputs,
    ) -> Result<IndexMap<String, Tensor>> {
        let _no_grad = tch::no_grad_guard();
        let taps = RefCell::new(Vec::new());
        let pass = ForwardContext { train: false, taps: requested.attention.then_some(&taps) };
        let out = self.lxrt.forward(inputs, pass);
        let mut named = IndexMap::new();
        if requested.attention {
            named = attention_maps(taps.take(), &self.sizes.config)?;
        }
        let mut put = |name: &str, tensor: Tensor| drop(named.insert(name.to_owned(), tensor));
        if requested.heads {
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
