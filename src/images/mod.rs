//! The images that the program runs in: which there are, and that they are the pinned ones.
//!
//! - [`known`]: what is known of each;
//! - [`lock`]: the pins of a workspace;
//! - `resolve`: the image for a run, compared with its pin;
//! - `bring`: pulling, building and pinning; `source`: what the training image is built from;
//! - [`list`]: what is here of each.

mod bring;
pub mod known;
pub mod list;
pub mod lock;
mod resolve;
mod source;

pub use bring::{Brought, Pinned, build, name_of, pin, pull};
pub use known::Role;
pub use resolve::{Resolved, State, resolve, state};
pub use source::{REVISION, build_of};
