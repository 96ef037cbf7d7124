//! A sandbox over a container engine: runs one command in one pinned image, isolated and watched, and names what went
//! wrong. Knows nothing of LXMERT.
//!
//! - `facts`, `gpu_choice`, `image_name`, `mount`, `ended`, `lost`: plain data that the others share;
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
//! - `hindrance`: why an image does not come, by what engines say;
//! - [`failure`]: everything that can go wrong, typed; `advice`: what a person can do about it.

mod advice;
mod body;
pub mod build;
mod context;
mod ended;
pub mod engine;
mod facts;
pub mod failure;
pub mod gpu;
mod gpu_choice;
mod handover;
mod hindrance;
pub mod image;
mod image_name;
mod leftovers;
mod listing;
mod lost;
mod memory;
mod mount;
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
pub use ended::Ended;
pub use engine::Engine;
pub use failure::{Cause, Failure};
pub use gpu::{Gpu, GpuPath};
pub use gpu_choice::Gpus;
pub use image_name::Image;
pub use mount::{Access, Mount};
pub use output::{Line, Stream};
pub use sandbox::{Limits, Network, Sandbox, Timeouts};
pub use stop::Stop;
