//! Answers questions with trained models.
//!
//! - `answer`: the interface: batches of questions to answers or scores, with one model or several;
//! - `cached`: encodes each image and each distinct sentence once; `sentence_cache` and `workers` are parts of it;
//! - `reference`: computes everything as the original does, to check `cached` against.

mod answer;
mod cached;
mod reference;
mod sentence_cache;
#[cfg(test)]
mod tests;
mod workers;

pub(super) use answer::answered;
pub use answer::{PredictMode, predict, predict_by, predict_while, scores};
