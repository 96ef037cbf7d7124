//! The loop of every training: order of examples, position, snapshots, signals, resuming, logs and files.
//!
//! Fine-tuning and pre-training implement what differs (`Training`): batches, step, validation, and their sums and results.
//!
//! - `training`: the trait that a training implements;
//! - `run`: starts or resumes a run, and loops over its epochs;
//! - `position`: the position of a run, which snapshots store;
//! - `order`: the order in which examples are trained on;
//! - `update`: applies gradients to the weights;
//! - `writer`, `log`: write all files of a run;
//! - `observer`: the trait of those who follow a run.
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

pub use observer::Observer;
pub(super) use position::{EpochSums, Position, Results};
pub(super) use run::run;
pub use training::Step;
pub(super) use training::{BatchStream, EpochEnd, EpochResult, EpochWork, Plan, Training, WeightsNames};
pub use update::Updater;
