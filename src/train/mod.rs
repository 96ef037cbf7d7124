//! BertAdam, schedules, the training loop, evaluation.

pub mod bert_adam;
pub mod gradients;
pub mod schedule;
