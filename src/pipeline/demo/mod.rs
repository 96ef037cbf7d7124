//! The stages of `repro all --profile demo`: scenes, features, stores, and for each task a training and an evaluation.
//!
//! - `settings`: settings of a run;
//! - `stages`: the work of each stage;
//! - `examples`: questions with pictures and answers, for the report;
//! - `plan`: the stages as a plan;
//! - `record`: records golden values, one run per seed.

mod examples;
mod plan;
mod record;
mod settings;
mod stages;

pub(super) use plan::work;
pub use plan::{plan, run};
pub use record::record;
pub use settings::{DemoSettings, PROFILE};
