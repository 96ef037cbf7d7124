//! Pre-training data: sentences about images from five collections, what is hidden of them, and how answers are scored.
//!
//! - [`data`]: the files, flattened to one example per sentence;
//! - [`pieces`]: their sentences, tokenised;
//! - [`draws`]: where random numbers come from;
//! - [`masking`]: which words and boxes are hidden;
//! - [`sampler`]: one example with a fresh draw of everything random about it;
//! - [`evaluator`]: accuracy of the answers.

pub mod data;
pub mod draws;
pub mod evaluator;
pub mod masking;
pub mod pieces;
pub mod sampler;

#[cfg(test)]
mod tests;
