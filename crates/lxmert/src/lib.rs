//! LXMERT on libtorch: the model, its training, prediction, and what it makes of sentences and images.
//!
//! Must not know: command lines, containers, verdicts; where its results are read.
//!
//! - [`model`]: parameter names equal to the original's;
//! - [`train`]: BertAdam, schedules, the training loops, prediction;
//! - [`libtorch`]: which one is loaded;
//! - [`encode`]: what a checkpoint makes of sentences and images, written to files.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod encode;
pub mod libtorch;
pub mod model;
pub mod train;
