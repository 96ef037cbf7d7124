//! A checkpoint as a model: the encoder, and whatever heads the checkpoint has.

mod forward;
#[cfg(test)]
mod tests;

pub use forward::{Encoder, Want};
