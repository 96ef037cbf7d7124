//! Fine-tuning, as in the original's three programs (src/tasks/{vqa,gqa,nlvr2}.py @ 0db1182).
//!
//! - [`step`]: one step: forward, backward, clipping, update;
//! - `training`: implements the trait of the training loop: step, validation, position, names of files.

pub mod step;
mod training;

#[cfg(test)]
mod tests;

pub use training::run;
pub use trainings::finetune::FinetuneSettings;
pub use trainings::outcome::FinetuneOutcome;
