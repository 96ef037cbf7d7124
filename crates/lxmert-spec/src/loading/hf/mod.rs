//! The layout of Hugging Face's port of LXMERT: a folder with `config.json` and `model.safetensors`, or `pytorch_model.bin` in
//! older releases. The weights may be in shards with an index, or be a variant such as `model.fp16.safetensors`. The model is
//! `LxmertForPreTraining`, `LxmertForQuestionAnswering` or plain `LxmertModel`.
//!
//! The port's tensors are the original's under slightly different names; none is transposed, split or reordered:
//!
//! - The matching head (`cls.seq_relationship`) has the original's order in the published models: the second logit is
//!   "matched". The port's documentation long said the opposite (its issues 7266 and 9212).
//! - Rows of the answer heads of the published models are in the order of the original's answer lists: `all_ans.json` (9500),
//!   VQA's and GQA's `trainval_label2ans.json` (3129, 1842). Other models may have another order, which `id2label` in their
//!   `config.json` states.
//! - The port masks padding with the smallest number of the type where the original adds −10000. Results differ only if every
//!   word, or every box, of an example is masked.

pub mod answers;
pub mod config;
pub mod folder;
pub mod names;

pub use config::HfConfig;
pub use names::HfLayout;

#[cfg(test)]
mod tests;
