//! A sandbox over a container engine: runs one command in one pinned image, isolated and watched, and names what went
//! wrong. Knows nothing of LXMERT.
//!
//! - [`engine`]: the connection, what the engine is, and the label by which this program knows its own containers;
//! - [`image`]: images by digest or id; [`reference`]: their names in full;
//! - [`pull`]: images from registries; [`build`]: images from Dockerfiles, with `context` for the files they may use;
//! - [`sandbox`]: what a container may use and how long;
//! - [`gpu`]: the ways to a GPU, and a look for it from within;
//! - `run`: a container from creation to removal;
//! - `stop`: a way for this program to end its containers early;
//! - [`failure`]: everything that can go wrong, typed.

pub mod build;
mod context;
pub mod engine;
pub mod failure;
pub mod gpu;
pub mod image;
pub mod pull;
pub mod reference;
mod run;
pub mod sandbox;
mod stop;

pub use build::Build;
pub use engine::Engine;
pub use failure::{Cause, Failure};
pub use gpu::{Gpu, GpuPath};
pub use image::Image;
pub use run::{Ended, Line, Stream};
pub use sandbox::{Access, Gpus, Limits, Mount, Network, Sandbox, Timeouts};
pub use stop::Stop;
