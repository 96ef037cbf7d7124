//! A training as its folder and its data: settings, identity, snapshots, logs, outcome, and examples made ready.
//!
//! Must not know: libtorch, how a step is computed, command lines, verdicts. So a harness can ask whether a run has ended,
//! and say what is read, before anything is computed.
//!
//! - [`finetune`], [`pretrain`]: what such a run decides; [`choices`], [`start`], [`length`]: parts of that;
//! - [`loader`], [`examples`]: a task's data, and its examples ready for batches;
//! - [`resume`], `finished`, [`dir_lock`]: starting where a run was before, one at a time;
//! - [`snapshot`], [`identity`]: from where a run resumes, and whether it is the same;
//! - [`outcome`], [`written`]: what a finished run leaves;
//! - [`log_files`], [`append_log`], [`tensorboard`], [`running_mean`], [`progress`]: what is written and told on the way.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod append_log;
mod aside;
pub mod choices;
pub mod dir_lock;
pub mod examples;
pub mod finetune;
mod finished;
pub mod identity;
pub mod length;
pub mod loader;
pub mod log_files;
pub mod outcome;
pub mod pretrain;
pub mod progress;
pub mod resume;
pub mod running_mean;
pub mod snapshot;
pub mod start;
pub mod tensorboard;
pub mod written;
