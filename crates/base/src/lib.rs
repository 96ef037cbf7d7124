//! What every crate uses: errors and exit codes, atomic file writes, locks, signals, processes, and text for people.
//!
//! Must not know: models, data sets, archives, networks, containers.
//!
//! - [`error`], [`exit`], [`cause`]: what went wrong, what to do next, and the exit code of each class;
//! - [`files`], [`cleanup`]: regular files, temporary names, and their removal on an abrupt exit;
//! - [`signals`], [`process`]: orderly shutdown, and whether another process is still alive;
//! - [`progress`]: progress of long work;
//! - [`mod@status`], [`stdout`], [`sanitize`], [`mod@format`], [`table`], [`clock`]: output for people;
//! - [`mod@env`]: environment variables; [`suggest`]: what a mistyped name may stand for;
//! - [`host`]: facts about the machine; [`versions`]: what the program was built from; [`openmp`]: how OpenMP threads
//!   wait; [`worker_env`]: the environment of workers.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod cause;
pub mod cleanup;
pub mod clock;
pub mod env;
pub mod error;
pub mod exit;
pub mod files;
pub mod format;
pub mod host;
pub mod openmp;
pub mod process;
pub mod progress;
pub mod sanitize;
pub mod signals;
pub mod status;
pub mod stdout;
pub mod suggest;
pub mod table;
pub mod versions;
pub mod worker_env;
