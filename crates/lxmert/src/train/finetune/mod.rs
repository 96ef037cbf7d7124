//! Fine-tuning: what the original's three programs do (src/tasks/{vqa,gqa,nlvr2}.py @ 0db1182).
//!
//! - [`step`]: one step: forward, backward, clipping, update;
//! - `training`: what it supplies to a session: step, validation, position, names of files.

pub mod step;
mod training;

#[cfg(test)]
mod tests;

pub use training::run;
pub use trainings::finetune::FinetuneSettings;
pub use trainings::outcome::FinetuneOutcome;
