//! One training, whichever it is: the order of examples, the position in it, snapshots, signals, resuming, logs and files.
//!
//! Fine-tuning and pre-training supply what differs (`Training`): batches, step, validation, and what they sum and keep.
//!
//! - `training`: what a training supplies;
//! - `run`: starts or resumes, and goes through the epochs;
//! - `position`: where a run is, which a snapshot keeps;
//! - `order`: in which order examples are trained on;
//! - `update`: from gradients to new weights;
//! - `writer`, `log`: all that a run writes;
//! - `observer`: who hears of it.
//!
//! A run is one process. Three places are the only ones that would have to know of more than one, and each says so: `order`
//! draws the order of an epoch, `update` makes a step's gradients whole, `writer` writes. What a step adds to the sums of
//! its epoch is added in `run` alone.

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
