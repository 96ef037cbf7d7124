//! Where work with libtorch is done: by `repro-worker`, on this machine or in the training container.
//!
//! - [`Asked`], `request`: what is to be done, for this program and as the file that a worker reads;
//! - [`find`]: which worker belongs to this program;
//! - `talk`: what a worker's lines mean, wherever it runs;
//! - `host`: a worker as a process of this machine;
//! - `image`: an engine with an image whose worker fits; `mounts`: what a container sees of this machine; `contained`: a worker
//!   in a container;
//! - [`Placement`]: one of both, by what a person chose.

mod choice;
mod contained;
pub mod find;
mod host;
mod image;
mod mounts;
mod request;
mod talk;
mod work;

pub use choice::{Placement, RECORD};
pub use contained::REQUEST;
pub use host::Host;
pub use image::{HARNESS, Options, Outcome, Place};
pub use mounts::{Mounts, place};
pub use request::{SOURCE, written};
pub use work::{Asked, Touched};
