//! A sandbox over a container engine: runs one command in one pinned image, isolated and watched, and names what went
//! wrong. Knows nothing of LXMERT.
//!
//! - [`engine`]: the connection, what the engine is, and the label by which this program knows its own containers;
//! - [`image`]: images by digest or id; [`mod@reference`]: their names in full;
//! - [`pull`]: images from registries; [`build`]: images from Dockerfiles, with `context` for the files they may use;
//! - [`sandbox`]: what a container may use and how long;
//! - [`gpu`]: the ways to a GPU, and a look for it from within;
//! - `user`, `handover`: who it runs as, and how its files come to belong to the caller;
//! - `body`: what the engine is asked for; `refusal`: what its answers mean;
//! - `run`, `watch`: a container from creation to removal, and from start to end; `output`, `memory`: what is seen of it;
//! - `retry`: what may be spurious is tried again;
//! - [`Stop`]: a way for this program to end its containers early;
//! - `leftovers` (`listing`): nothing stays behind after Ctrl-C (`signals`), nor after a kill;
//! - [`hindrance`]: why an image that is there does not come, by what engines say;
//! - [`failure`]: everything that can go wrong, typed; `advice`: what a person can do about it.

mod advice;
mod body;
pub mod build;
mod context;
pub mod engine;
pub mod failure;
pub mod gpu;
mod handover;
pub mod hindrance;
pub mod image;
mod leftovers;
mod listing;
mod memory;
mod output;
pub mod pull;
pub mod reference;
mod refusal;
mod retry;
mod run;
pub mod sandbox;
mod stop;
mod user;
mod watch;

pub use build::Build;
pub use engine::Engine;
pub use failure::{Cause, Failure};
pub use gpu::{Gpu, GpuPath};
pub use image::Image;
pub use output::{Line, Stream};
pub use run::Ended;
pub use sandbox::{Access, Gpus, Limits, Mount, Network, Sandbox, Timeouts};
pub use stop::Stop;
