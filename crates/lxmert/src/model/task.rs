//! The fine-tuning models: LXMERT and an answer head on its pooled output.

use tch::{Device, Tensor};

use super::encoder::{Inputs, Lxrt, Outputs};
use super::heads::AnswerHead;
use super::layers::Pass;
use super::parameters::Parameters;
use base::error::{Error, Result};
use lxmert_spec::config::Config;

/// Prefix of the encoder's parameters in a fine-tuning model.
pub const ENCODER_PREFIX: &str = "lxrt_encoder.model.";

/// A batch of questions or statements.
pub struct Batch {
    /// Word ids (B, S) int64.
    pub ids: Tensor,
    /// 1 for words, 0 for padding (B, S) int64.
    pub mask: Tensor,
    /// Box features (B·I, O, visual_feat_dim), I images an example, those of an example adjacent.
    pub features: Tensor,
    /// Boxes (B·I, O, 4) in [0, 1].
    pub boxes: Tensor,
}

/// A VQA, GQA or NLVR2 model (src/tasks/{vqa,gqa,nlvr2}_model.py @ 0db1182).
/// Parameters are named `lxrt_encoder.model.bert.*` and `logit_fc.*`.
pub struct TaskModel {
    parameters: Parameters,
    pub(super) encoder: Lxrt,
    head: AnswerHead,
    pub(super) images: i64,
}

impl TaskModel {
    /// A freshly initialised model that reads `images` images an example (1, or 2 for NLVR2) and scores `answers` answers.
    pub fn new(config: &Config, images: usize, answers: usize, device: Device) -> Result<Self> {
        config.check()?;
        if images == 0 || answers == 0 {
            return Err(Error::usage("a model needs at least one image an example and one answer"));
        }
        let parameters = Parameters::new(device, config.initializer_range);
        let root = parameters.root();
        let encoder = Lxrt::new(&root.sub(ENCODER_PREFIX.trim_end_matches('.')).sub("bert"), config);
        let head = AnswerHead::new(&root.sub("logit_fc"), images * config.hidden_size, config, answers);
        Ok(Self { parameters, encoder, head, images: images as i64 })
    }

    /// The named parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Logits (B, answers).
    pub fn forward(&self, batch: &Batch, pass: Pass) -> Tensor {
        let pooled = self.with_inputs(batch, |inputs| self.encoder.forward_pooled(inputs, pass));
        self.answer(&pooled)
    }

    /// Logits (B, answers) of pooled outputs (B·images, H), those of an example adjacent.
    pub fn answer(&self, pooled: &Tensor) -> Tensor {
        self.head.forward(&pooled.reshape([pooled.size()[0] / self.images, -1]))
    }

    /// All outputs below the head, one row per image.
    pub fn encode(&self, batch: &Batch, pass: Pass) -> Outputs {
        self.with_inputs(batch, |inputs| self.encoder.forward(inputs, pass))
    }

    /// Repeats each sentence for each of its images.
    fn with_inputs<T>(&self, batch: &Batch, run: impl FnOnce(&Inputs) -> T) -> T {
        let repeat = |t: &Tensor| match self.images {
            1 => t.shallow_clone(),
            n => t.repeat_interleave_self_int(n, 0, None),
        };
        let (ids, mask) = (repeat(&batch.ids), repeat(&batch.mask));
        run(&Inputs::padded([&ids, &mask], &batch.features, &batch.boxes))
    }
}
