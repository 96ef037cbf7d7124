//! What stages of several profiles do and leave: fine-tune a task, answer its evaluation set.

mod evaluate;
mod names;
mod train;

pub(super) use evaluate::{Evaluation, evaluate, predictions_file};
pub(super) use names::{EVENTS, OUTCOME, write_json};
pub(super) use train::{FineTuning, train};
