//! The images that the program runs in: which there are, and that they are the pinned ones.
//!
//! - [`known`]: what is known of each;
//! - [`lock`]: the pins of a workspace;
//! - [`resolve`]: the image for a run, compared with its pin.

pub mod known;
pub mod lock;
mod resolve;

pub use known::Role;
pub use resolve::{Resolved, State, resolve, state};
