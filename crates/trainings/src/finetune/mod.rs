//! What a fine-tuning run decides, what it is, and whether it has ended before.

mod earlier_run;
pub mod identity;
mod settings;

pub use earlier_run::{finished, refuse_finished};
pub use settings::Settings;
