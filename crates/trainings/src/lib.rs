//! A training as its folder and its data: settings, identity, snapshots, logs, outcome, and examples made ready.
//!
//! Must not know: libtorch, how a step is computed, command lines, verdicts. So a harness can ask whether a run has ended,
//! and say what is read, before anything is computed.
//!
//! - [`finetune`], [`pretrain`]: what such a run decides; [`choices`], [`start`]: parts of that;
//! - [`loader`], [`questions`]: a task's data, and its examples ready for batches;
//! - [`begin`], `finished`, [`alone`]: beginning where a run was before, one at a time;
//! - [`snapshot`], [`identity`]: from where a run goes on, and whether it is the same;
//! - [`outcome`], [`written`]: what a finished run leaves;
//! - [`logs`], [`log_files`], [`appended`], [`tensorboard`], [`tally`]: what is written on the way.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod alone;
pub mod appended;
mod aside;
pub mod begin;
pub mod choices;
pub mod finetune;
mod finished;
pub mod identity;
pub mod loader;
pub mod log_files;
pub mod logs;
pub mod outcome;
pub mod pretrain;
pub mod questions;
pub mod snapshot;
pub mod start;
pub mod tally;
pub mod tensorboard;
pub mod written;
