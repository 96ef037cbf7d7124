//! The fine-tuning models, which are the encoder with an answer head on its pooled output.

use tch::{Device, Tensor};

use super::encoder::{EncoderInputs, EncoderOutputs, Lxrt};
use super::heads::AnswerHead;
use super::layers::ForwardContext;
use super::parameters::Parameters;
use base::error::{Error, Result};
use lxmert_spec::config::Config;

/// Prefix of the encoder's parameters in a task model.
pub const ENCODER_PREFIX: &str = "lxrt_encoder.model.";

/// The input of a task model: a batch of questions or statements with their images.
pub struct TaskBatch {
    /// Word ids (B, S) int64.
    pub ids: Tensor,
    /// 1 for words, 0 for padding (B, S) int64.
    pub mask: Tensor,
    /// Box features (B·I, O, visual_feat_dim) with I images per example; those of an example are adjacent.
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
    /// Creates a randomly initialised model with `images` images per example (1, or 2 for NLVR2) and `answers` answers.
    ///
    /// # Errors
    /// Usage if no model can have these sizes.
    pub fn new(config: &Config, images: usize, answers: usize, device: Device) -> Result<Self> {
        config.check()?;
        if images == 0 || answers == 0 {
            return Err(Error::usage("a model needs at least one image per example and one answer")
                .next("check the number of answers"));
        }
        let parameters = Parameters::new(device, config.initializer_range);
        let root = parameters.root();
        let encoder = Lxrt::new(&root.sub(ENCODER_PREFIX.trim_end_matches('.')).sub("bert"), config);
        let head = AnswerHead::new(&root.sub("logit_fc"), images * config.hidden_size, config, answers);
        Ok(Self { parameters, encoder, head, images: images as i64 })
    }

    /// Returns the named parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Computes the logits (B, answers).
    pub fn forward(&self, batch: &TaskBatch, pass: ForwardContext) -> Tensor {
        let pooled = self.with_inputs(batch, |inputs| self.encoder.forward_pooled(inputs, pass));
        self.answer(&pooled)
    }

    /// Computes the logits (B, answers) of pooled outputs (B·images, H). The outputs of an example are adjacent.
    pub fn answer(&self, pooled: &Tensor) -> Tensor {
        self.head.forward(&pooled.reshape([pooled.size()[0] / self.images, -1]))
    }

    /// Computes all outputs of the encoder, with one row per image.
    pub fn encode(&self, batch: &TaskBatch, pass: ForwardContext) -> EncoderOutputs {
        self.with_inputs(batch, |inputs| self.encoder.forward(inputs, pass))
    }

    /// Repeats each sentence for each of its images.
    fn with_inputs<T>(&self, batch: &TaskBatch, run: impl FnOnce(&EncoderInputs) -> T) -> T {
        let repeat = |t: &Tensor| match self.images {
            1 => t.shallow_clone(),
            n => t.repeat_interleave_self_int(n, 0, None),
        };
        let (ids, mask) = (repeat(&batch.ids), repeat(&batch.mask));
        run(&EncoderInputs::padded([&ids, &mask], &batch.features, &batch.boxes))
    }
}
