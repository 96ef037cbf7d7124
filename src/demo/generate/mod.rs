//! Draws the whole demo: pictures, questions, answer tables, vocabulary.

mod data;
#[cfg(test)]
mod tests;

pub use data::{FeatureFile, Manifest, VERSION, generate};
