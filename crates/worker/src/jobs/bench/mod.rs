//! Measures training steps, answering, loading and the native detector on generated input of real size, with the code that does the
//! work elsewhere.
//!
//! - [`train`], [`predict`], [`load`], [`extract`]: the measurements;
//! - `picture_input`: the pictures for the detector;
//! - `stage_clock`: times of the detector's parts;
//! - `sizes`: checks the sizes of the input;
//! - `questions`: generates questions about generated images;
//! - `subject`: the generated data with a random model.

pub(crate) mod extract;
pub(crate) mod load;
mod picture_input;
pub(crate) mod predict;
mod questions;
mod sizes;
mod stage_clock;
mod subject;
pub(crate) mod train;
