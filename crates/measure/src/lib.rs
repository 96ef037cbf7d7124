//! What measurements of the harness and of the worker share: times of repeated steps, and the JSON object that they end in.
//!
//! Must not know: what is measured.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

mod report;
mod timing;

pub use report::{report, report_with};
pub use timing::{Repeats, Times, part, rounded};
