//! Training and prediction.
//!
//! - [`session`]: the loop that fine-tuning and pre-training share; [`finetune`], [`pretrain`]: their own parts;
//! - [`batches`], [`gradients`], [`optimiser`], [`bert_adam`], [`schedule`]: parts of a step; `transfer`: copies to a GPU;
//! - [`loading`], [`weights`]: initial weights, and files of weights;
//! - [`predict`]: the answers of a trained model;
//! - [`machine`]: facts about the machine that may change the last bits of a result; [`out_of_memory`]: when its memory is exhausted.

pub mod batches;
pub mod bert_adam;
pub mod finetune;
pub mod gradients;
pub mod loading;
pub mod machine;
pub mod optimiser;
pub mod out_of_memory;
pub mod predict;
pub mod pretrain;
pub mod schedule;
pub mod session;
mod transfer;
pub mod weights;
