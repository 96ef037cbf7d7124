//! BertAdam, schedules, the training loop, evaluation.

pub mod batches;
pub mod bert_adam;
pub mod finetune;
pub mod gradients;
pub mod machine;
pub mod optimiser;
pub mod predict;
pub mod pretrain;
pub mod schedule;
pub mod setup;
pub mod step;
pub mod weights;
