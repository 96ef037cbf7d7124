//! Two feature files compared and judged by a level of `golden/features.toml`.

mod files;
#[cfg(test)]
mod tests;

pub use files::{CompareSettings, Comparison, compare, golden_released};
