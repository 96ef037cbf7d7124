//! A training as its folder and its data: settings, identity, snapshots, logs, outcome, and prepared examples.
//!
//! Must not know: libtorch, how a step is computed, command lines, verdicts. So the harness can ask whether a run has finished,
//! and report what is read, before anything is computed.
//!
//! - [`finetune`], [`pretrain`]: the settings of such a run; [`options`], [`initial_weights`], [`run_length`]: parts of them;
//! - [`task_loader`], [`examples`]: reads a task's data and prepares its examples for batches;
//! - [`resume`], `finished_run`, [`dir_lock`]: starts a run in a folder that may hold an earlier one, one run at a time;
//! - [`snapshot`], [`identity_parts`]: the state from which a run resumes, and whether it is the same run;
//! - [`outcome`], [`weights_digests`]: what a finished run writes;
//! - [`log_files`], [`append_log`], [`tensorboard`], [`running_mean`], [`progress`]: what a run writes and reports on the way.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod append_log;
pub mod dir_lock;
pub mod examples;
pub mod finetune;
mod finished_run;
pub mod identity_parts;
pub mod initial_weights;
pub mod log_files;
mod move_aside;
pub mod options;
pub mod outcome;
pub mod pretrain;
pub mod progress;
pub mod resume;
pub mod run_length;
pub mod running_mean;
pub mod snapshot;
pub mod task_loader;
pub mod tensorboard;
pub mod weights_digests;
