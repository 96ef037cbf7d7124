//! Pre-training: what a run decides, its data, and what tells it from another.

pub mod data;
pub mod description;
mod earlier_run;
pub mod identity;
pub mod settings;
pub mod start;

pub use earlier_run::{finished, refuse_finished};
