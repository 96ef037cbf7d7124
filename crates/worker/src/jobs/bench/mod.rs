//! Measures training steps, answering and loading on generated input of real size, with the code that training and answering
//! use.
//!
//! - [`train`], [`predict`], [`load`]: the measurements;
//! - `sizes`: checks the sizes of the input;
//! - `questions`: generates questions about generated images;
//! - `subject`: the generated data with a random model.

pub(crate) mod load;
pub(crate) mod predict;
mod questions;
mod sizes;
mod subject;
pub(crate) mod train;
