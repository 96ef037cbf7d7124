//! What the user-level tests share: running the real program and finding fixtures.

pub mod evaluations;
pub mod fetching;
pub mod killing;
pub mod mini;
mod programs;
pub mod python;
pub mod recipe;
pub mod registry;
pub mod small_training;
pub mod terminal;
pub mod train_image;
pub mod workspace;
pub mod world;

pub use fixtures;
pub use fixtures::server as testing;
pub use programs::{copy_folder, repro, run, stderr, stdout, tiny_config};
