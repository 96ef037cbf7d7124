//! A pre-training: its settings, its data, its identity, and finding an earlier run of it.

pub mod data;
pub mod description;
mod earlier_run;
pub mod identity;
pub mod initial_weights;
pub mod settings;

pub use earlier_run::{finished_outcome, refuse_finished};
