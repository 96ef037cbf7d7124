//! BertAdam, schedules, the training loop, evaluation.

pub mod alone;
pub mod appended;
mod aside;
pub mod batches;
pub mod begin;
pub mod bert_adam;
pub mod finetune;
mod finished;
pub mod gradients;
pub mod identity;
pub mod log_files;
pub mod logs;
pub mod machine;
pub mod optimiser;
pub mod outcome;
pub mod predict;
pub mod pretrain;
pub mod progress;
pub mod questions;
pub mod schedule;
pub mod setup;
pub mod snapshot;
pub mod step;
pub mod tally;
pub mod tensorboard;
pub mod weights;
