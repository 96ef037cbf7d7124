//! The container images that the program uses, and their pins.
//!
//! - [`known`]: the images listed in `data/images.toml`;
//! - [`lock`]: the pins of a workspace;
//! - `resolve`: finds the image for a run and compares it with its pin;
//! - `obtain`: pulls, builds and pins; `source`: the source of the training image;
//! - [`list`]: lists images and their state.

pub mod known;
pub mod list;
pub mod lock;
mod obtain;
mod resolve;
mod source;

pub use known::Role;
pub use obtain::{ObtainedImage, PinChange, build, name_of, pin, pull};
pub use resolve::{ImageStatus, ResolvedImage, resolve, state};
pub use source::{REVISION, build_of};
