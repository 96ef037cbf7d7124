//! Verifies files by size and time, or by reading them, in parallel. Changes only receipts.

mod content;
mod page;
mod parallel;
mod report;
mod subject;
#[cfg(test)]
mod tests;

pub use page::{json, page};
pub use report::{FileReport, FileState};

pub use parallel::{Depth, verify};
pub use subject::{Subject, subjects};
