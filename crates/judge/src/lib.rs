//! From evidence to a verdict and its report.
//!
//! Must not know: how a run was made; libtorch, containers, networks.
//!
//! - [`evidence`]: what a finished run leaves so that it can be judged anywhere;
//! - [`verdict`]: golden values and the comparison with them;
//! - [`grade`]: judges what runs left: golden files by name, rows, a report;
//! - [`report`]: one renderer per file: console, JSON, JUnit, Markdown, HTML.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod evidence;
pub mod grade;
pub mod report;
pub mod verdict;
