//! The layout of Hugging Face's port of LXMERT: a folder with `config.json` and `model.safetensors` (or, older,
//! `pytorch_model.bin`; either may be in shards with an index, or a variant such as `model.fp16.safetensors`), of `LxmertForPreTraining`, `LxmertForQuestionAnswering` or plain `LxmertModel`.
//!
//! The port's tensors are the original's under slightly other names; none is transposed, split or reordered:
//!
//! - The matching head (`cls.seq_relationship`) has the original's order in the published models: the second logit is
//!   "matched". The port's documentation long said the opposite (its issues 7266 and 9212).
//! - Rows of the answer heads of the published models are in the order of the original's answer lists:
//!   `all_ans.json` (9500), VQA's and GQA's `trainval_label2ans.json` (3129, 1842). Other people's models may have another
//!   order; then `id2label` in their `config.json` says which.
//! - The port hides padding with the type's smallest number where the original adds −10000. The numbers differ only where every
//!   word, or every box, of an example is hidden.

pub mod answers;
pub mod config;
pub mod folder;
pub mod names;

pub use config::HfConfig;
pub use names::Layout;

#[cfg(test)]
mod tests;
