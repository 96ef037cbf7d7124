//! Training: what fine-tuning and pre-training share, and each of them.
//!
//! - [`session`]: the run of any training; [`finetune`], [`pretrain`]: what each supplies to it;
//! - [`batches`], [`gradients`], [`optimiser`], [`bert_adam`], [`schedule`]: what steps are made of;
//! - [`loading`], [`weights`]: a model's first weights, and files of weights;
//! - [`predict`]: a trained model's answers;
//! - [`machine`]: what decides the last bits of a result.

pub mod batches;
pub mod bert_adam;
pub mod finetune;
pub mod gradients;
pub mod loading;
pub mod machine;
pub mod optimiser;
pub mod predict;
pub mod pretrain;
pub mod schedule;
pub mod session;
pub mod weights;
