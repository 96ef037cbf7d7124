//! Names of the original's modules, as they stand in its checkpoints.
//!
//! Source: `src/lxrt/modeling.py` (`LXRTPretraining`), `src/lxrt/entry.py` and `src/tasks/{vqa,gqa,nlvr2}_model.py` of
//! airsplay/lxmert @ 0db1182.

/// Prefix that task models put before the encoder's names.
pub(crate) const TASK_PREFIX: &str = "lxrt_encoder.model.";
/// The encoder.
pub(crate) const ENCODER: &str = "bert.";
/// The pre-training heads of sentences: masked words and matching.
pub(crate) const PRETRAINING_HEADS: &str = "cls.";
/// The pre-training head of boxes.
pub(crate) const OBJECT_HEAD: &str = "obj_predict_head.";
/// The decoders of [`OBJECT_HEAD`]: `obj`, `attr` and `feat`.
pub(crate) const OBJECT_DECODERS: &str = "obj_predict_head.decoder_dict.";
/// The pre-training head of answers.
pub(crate) const ANSWER_HEAD: &str = "answer_head.";
/// The layers of an answer head: of a task model without a prefix, of the pre-training model after [`ANSWER_HEAD`].
pub(crate) const LOGITS: &str = "logit_fc.";
/// The layer of an answer head that has one row per answer.
pub(crate) const ANSWER_ROWS: &str = "logit_fc.3.";
/// The word embeddings, and the masked-word decoder that is the same tensor.
pub(crate) const TIED: [&str; 2] = ["bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"];

/// What to do if the two tensors of [`TIED`] differ.
pub(crate) const UNTIED: &str = "use a checkpoint whose decoder is tied to its word embeddings, as LXMERT's is";
