//! The stages of `repro all --profile demo`: scenes, features, stores, and for each task training and evaluation.
//!
//! - `settings`: what a run is made with;
//! - `stages`: what each stage does;
//! - `findings`: what they left, judged;
//! - `plan`: all of it as stages;
//! - `record`: golden values, one run a seed.

mod findings;
mod plan;
mod record;
mod settings;
mod stages;

pub use findings::findings;
pub(super) use plan::work;
pub use plan::{plan, run};
pub use record::record;
pub use settings::{PROFILE, Settings};
