//! `repro all --profile paper`: the published data and weights, the three fine-tunings with the paper's settings, their
//! evaluation, and what the accuracies are worth.
//!
//! - [`settings`]: what a run is made with;
//! - [`needs`]: which files a task reads, and where they come from;
//! - [`inventory`]: what lies in the workspace, as small files that stages depend on;
//! - `data_stages`: the stages that fetch and prepare;
//! - [`training_rate`]: how fast earlier trainings went here;
//! - [`forecast`]: what a run would do, without a network;
//! - `fine_tuner`: training and evaluation, behind [`FineTuner`];
//! - `plan`: all of it as stages.
//!
//! Fetching and preparing run every time, at the cost of a look at sizes and times where all is there; what they find
//! decides by content whether a training is repeated.

mod data_stages;
mod fine_tuner;
pub mod forecast;
pub mod inventory;
pub mod needs;
mod plan;
pub mod settings;
pub mod training_rate;

pub use fine_tuner::{FineTuner, LibtorchTuner};
pub use plan::{plan, run};
pub use settings::{Assets, ComputeSettings, Model, PROFILE, PaperSettings, PaperTraining};
