//! The training loop that fine-tuning and pre-training share: order of examples, position, snapshots, signals, resuming, logs and
//! files.
//!
//! Fine-tuning and pre-training implement the rest (trait `Training`): batches, step, validation, and their sums and results.
//!
//! - `training`: the trait that a training implements;
//! - `run`: starts or resumes a run, and loops over its epochs;
//! - `position`: the position of a run, which snapshots store;
//! - `order`: the order in which examples are trained on;
//! - `update`: applies gradients to the weights;
//! - `writer`, `log`: write all files of a run;
//! - `observer`: the trait for following a run.
//!
//! A run is one process. Only three places would have to change for several, and each says so: `order` draws the order of an epoch,
//! `update` completes the gradients of a step, `writer` writes files. The sums of an epoch grow only in `run`.

mod log;
mod observer;
pub(super) mod order;
mod position;
mod run;
mod training;
mod update;
mod writer;

pub use observer::TrainObserver;
pub(super) use position::{EpochSums, SessionPosition, ValidationResults};
pub(super) use run::run;
pub use training::StepResult;
pub(super) use training::{BatchStream, EpochEnd, EpochResult, EpochWork, SessionSettings, Training, WeightsNames};
pub use update::Updater;
