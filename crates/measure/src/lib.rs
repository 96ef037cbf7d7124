//! Shared by measurements of the harness and of the worker: times of repeated steps, and the JSON object of a report.
//!
//! Must not know: what is measured.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

mod report;
mod timing;

pub use report::{report, report_with};
pub use timing::{Repeats, Times, part, rounded};
