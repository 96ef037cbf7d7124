//! Measured speeds of training at the paper's sizes, kept between runs, so that plans can say hours.
//!
//! - [`StepTime`]: one measurement with its conditions; it says something only where all of them are the same;
//! - `kept`: the file in the user's cache folder that holds them;
//! - [`TrainingSpeed`]: the speed that an estimate uses, and where it comes from.

mod kept;
mod speed;
mod step_time;

pub use kept::{KeptSteps, keep, read};
pub use speed::TrainingSpeed;
pub use step_time::{StepConditions, StepTime};

#[cfg(test)]
pub(crate) use step_time::tests;
