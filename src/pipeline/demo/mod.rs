//! The stages of `repro all --profile demo`: scenes, features, stores, and for each task training and evaluation.
//!
//! - `settings`: what a run is made with;
//! - `stages`: what each stage does;
//! - `examples`: questions with pictures and answers, for the report;
//! - `plan`: all of it as stages;
//! - `record`: golden values, one run a seed.

mod examples;
mod plan;
mod record;
mod settings;
mod stages;

pub(super) use plan::work;
pub use plan::{plan, run};
pub use record::record;
pub use settings::{PROFILE, Settings};
