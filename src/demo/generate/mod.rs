//! Generates the whole demo: pictures, questions, answer tables, vocabulary.

mod files;
#[cfg(test)]
mod tests;

pub use files::{DemoManifest, FeatureFile, VERSION, generate};
