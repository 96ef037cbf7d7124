//! What models are trained and judged on: the questions of VQA, GQA and NLVR2, the data of pre-training, and image features.
//!
//! Must not know: models, verdicts, where files come from.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod dataset;
pub mod features;
