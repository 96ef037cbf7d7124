//! What a finished run leaves so that it can be judged anywhere: without a GPU, without libtorch and without its data.
//!
//! - [`result`]: `result.json`, what was measured, with what, and where;
//! - [`items`]: `items.jsonl`, the answer to each example with its score and its cluster;
//! - [`mod@write`]: writes both beside the predictions of an evaluation;
//! - [`training`]: what `outcome.json` and `metrics.jsonl` of a training say;
//! - [`baselines`]: what weaker predictors score on the same items;
//! - [`attribution`]: whether weights are those of the training whose outcome lies beside them;
//! - [`unfinished`]: what the snapshots of a training say that has not ended;
//! - [`journal`]: where a run of `repro all` stopped;
//! - [`run`]: a folder of any of these kinds, read as one thing; [`names`]: what such folders are called; [`stages`]: which stages
//!   of `repro all` leave evidence.

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
