//! Pre-training data: sentences about images from five collections, masking, and the scoring of answers.
//!
//! - [`data`]: the files, flattened to one example per sentence;
//! - [`pieces`]: their sentences, tokenised;
//! - [`random`]: random numbers;
//! - [`masking`]: words and boxes to mask;
//! - [`sampler`]: one example with everything that is random about it;
//! - [`evaluator`]: accuracy of the answers.

pub mod data;
pub mod evaluator;
pub mod masking;
pub mod pieces;
pub mod random;
pub mod sampler;

#[cfg(test)]
mod tests;
