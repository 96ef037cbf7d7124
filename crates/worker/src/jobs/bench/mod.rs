//! Measures training steps and answering on generated input of real size, with the code that trainings and answers run.
//!
//! - [`train`], [`predict`]: the measurements;
//! - `sizes`: what input may be generated;
//! - `questions`: generated questions about generated images;
//! - `subject`: these, and a random model.

pub(crate) mod predict;
mod questions;
mod sizes;
mod subject;
pub(crate) mod train;
