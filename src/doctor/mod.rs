//! `repro doctor`: checks whether this machine has what a run needs, and tells how to fix what is missing.
//!
//! - [`machine`]: facts as plain data, so that checks can be tested with invented machines;
//! - [`gather`]: collects the facts of this machine;
//! - `check`: one function per check, from facts to a [`Finding`];
//! - `report`: all findings for the requested purposes;
//! - [`render`]: formats the report for people.

mod check;
mod finding;
pub mod gather;
pub mod machine;
pub mod render;
mod report;
#[cfg(test)]
mod tests;

pub use finding::{Finding, FindingOutcome, FindingState, Problem, Purpose};
pub use report::DoctorReport;
