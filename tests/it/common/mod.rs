//! Helpers of the user-level tests: running the real programs, small data sets, engines and servers.

pub(crate) mod evaluations;
pub(crate) mod fetching;
pub(crate) mod killing;
pub(crate) mod mini;
mod programs;
pub(crate) mod python;
pub(crate) mod recipe;
pub(crate) mod registry;
pub(crate) mod small_training;
pub(crate) mod terminal;
pub(crate) mod train_image;
pub(crate) mod workspace;
pub(crate) mod world;

pub(crate) use fixtures::server as testing;
pub(crate) use programs::{copy_folder, repro, run, stderr, stdout, tiny_config, unwrapped};
