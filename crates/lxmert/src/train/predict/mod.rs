//! Answers questions with trained models.
//!
//! - `answer`: the interface: computes answers or scores of questions, with one model or several;
//! - `cached`: encodes each image and each distinct sentence once, with the help of `sentence_cache` and `workers`;
//! - `eval_batch`: how many examples are answered at a time;
//! - `reference`: computes everything as the original does, to check `cached` against.

mod answer;
mod cached;
mod eval_batch;
mod reference;
mod sentence_cache;
#[cfg(test)]
mod tests;
mod workers;

pub(super) use answer::best_answers;
pub use answer::{PredictMode, predict, predict_while, predict_with_mode, scores};
pub use eval_batch::EvalBatch;
