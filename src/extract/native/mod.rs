//! The native detector: workers on this machine or in the training image, one on each device.
//!
//! - [`weights`]: the file of weights, checked before any work;
//! - [`devices`]: which devices workers use;
//! - `setup`: settings and facts; `backend`: the backend; `lanes`: its workers.

mod backend;
pub mod devices;
mod lanes;
mod setup;
pub mod weights;

pub use setup::{Native, NativeSettings};
