//! LXMERT on libtorch: the model, its training, prediction, and encoding.
//!
//! Does not depend on command lines, containers, verdicts, or on who reads its results.
//!
//! - [`model`]: the network, whose parameters have the original's names;
//! - [`train`]: BertAdam, schedules, the training loops, prediction;
//! - [`encode`]: computes states, attention and scores of sentences with images, and writes them to files;
//! - [`libtorch`]: version and settings of the loaded library.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod encode;
pub mod libtorch;
pub mod model;
pub mod train;
