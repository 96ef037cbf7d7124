//! A fine-tuning: its settings, its identity, and finding an earlier run of it.

mod earlier_run;
pub mod identity;
mod settings;

pub use earlier_run::{finished_outcome, refuse_finished};
pub use settings::FinetuneSettings;
