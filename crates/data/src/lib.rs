//! The data that models are trained and evaluated on: questions of VQA, GQA and NLVR2, pre-training data, and image
//! features.
//!
//! Must not know: models, verdicts, where files come from.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod dataset;
pub mod features;
