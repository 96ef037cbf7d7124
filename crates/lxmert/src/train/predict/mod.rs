//! A trained model's answers.

mod answer;
mod fast;
mod plain;
mod sentences;
#[cfg(test)]
mod tests;
mod workers;

pub(super) use answer::answered;
pub use answer::{Way, predict, predict_by, predict_while, scores};
