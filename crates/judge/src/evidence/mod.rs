//! Reads and writes what a run leaves, so that it can be judged anywhere: without a GPU, libtorch or its data. It judges nothing.
//!
//! - [`result`]: `result.json`: the measured accuracy, the weights and features, and the machine;
//! - [`items`]: `items.jsonl`, the answer to each example with its score and its cluster;
//! - [`mod@write`]: writes both beside the predictions of an evaluation;
//! - [`training`]: `outcome.json` and `metrics.jsonl` of a finished training;
//! - [`baselines`]: the scores of weaker predictors on the same items;
//! - [`attribution`]: whether weights are those of the training whose outcome lies beside them;
//! - [`unfinished`]: the snapshots of a training that has not ended;
//! - [`journal`]: where a run of `repro all` stopped;
//! - [`run`]: reads a folder of any of these kinds; [`names`]: short names for such folders; [`stages`]: the stages of
//!   `repro all` that leave evidence.

pub mod attribution;
pub mod baselines;
pub mod items;
pub mod journal;
pub mod names;
pub mod result;
pub mod run;
pub mod stages;
pub mod training;
pub mod unfinished;
pub mod write;
