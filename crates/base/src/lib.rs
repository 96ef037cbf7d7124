//! What every crate uses: errors and exit codes, files that are written whole or not at all, locks, signals, processes,
//! and text for people.
//!
//! Must not know: models, data sets, archives, networks, containers.
//!
//! - [`error`], [`exit`]: what went wrong, who has to act, and the exit code of each class;
//! - [`files`], [`cleanup`]: regular files, temporary names, and their removal where a process ends early;
//! - [`signals`], [`process`]: ending in order, and telling the living from the dead;
//! - [`progress`]: how far long work is;
//! - [`mod@tell`], [`plain`], [`stdout`], [`human`], [`clock`]: what people read;
//! - [`versions`]: what the running program was built from; [`openmp`]: how the threads of its arithmetic wait.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod cause;
pub mod cleanup;
pub mod clock;
pub mod error;
pub mod exit;
pub mod files;
pub mod host;
pub mod human;
pub mod openmp;
pub mod plain;
pub mod process;
pub mod progress;
pub mod signals;
pub mod stdout;
pub mod tell;
pub mod versions;
