//! Stages that several profiles share: fine-tune a task, answer its evaluation set.

mod evaluate;
mod output_files;
mod train;

pub(super) use evaluate::{Evaluation, evaluate, predictions_file};
pub(super) use output_files::{EVENTS, OUTCOME, write_json};
pub(super) use train::{FineTuning, train};
