//! Loads a checkpoint as a model for encoding: the encoder with the heads that the checkpoint has.

mod forward;
#[cfg(test)]
mod tests;

pub use forward::{Encoder, RequestedOutputs};
