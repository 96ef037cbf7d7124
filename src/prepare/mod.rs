//! Prepares fetched files for training: unpacks archives, builds feature stores, makes files as the original's scripts do, and
//! counts their entries.
//!
//! - [`plan`]: the steps that are done, to do or waiting, found without reading a file;
//! - [`prepare()`]: executes the steps; each file is claimed meanwhile;
//! - [`make`]: makes files from others;
//! - [`check`]: compares counts with the manifest and looks for the features of every question; [`mod@count`]: counts;
//! - [`summary`]: what was done and found.

pub mod check;
pub mod count;
mod execute;
pub mod make;
pub mod plan;
mod settings;
mod step_reporter;
pub mod summary;
mod unpack;

pub use execute::{is_unpacked, prepare};
pub use plan::{OBJ36, Step, StepState, StepWork, disk_needed, most_at_a_time, steps};
pub use settings::{PrepareSettings, stores};
pub use summary::PrepareSummary;
