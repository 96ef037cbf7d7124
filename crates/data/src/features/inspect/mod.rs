//! Inspects a feature file: what it contains and everything that is wrong with it.

mod facts;
mod fault;
mod report;
mod shared;
mod show;
#[cfg(test)]
mod tests;

pub use super::statistics::Summary;
pub use facts::{FeatureProblem, FileKind, Inspection, PROBLEMS_SHOWN, ValueSpan};
pub use report::{inspect, inspect_with};
