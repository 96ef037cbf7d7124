//! Runs one command in one pinned image on a container engine, isolated and monitored, and classifies its failures. Knows
//! nothing of LXMERT.
//!
//! - `facts`, `gpu_choice`, `image_name`, `mount`, `usage`, `unremoved`: plain data shared by the other modules;
//! - [`engine`]: the connection to an engine, its properties, and the labels of this program's containers;
//! - [`image`]: images by name, digest or id; [`mod@reference`]: full image names;
//! - [`pull`]: images from registries; [`build`]: images from Dockerfiles, with `context` for the build context;
//! - [`sandbox`]: the command, mounts, limits and timeouts of a container;
//! - [`gpu`]: requests for GPUs, and a probe that checks them from inside a container;
//! - `user`, `ownership`: the user of a container, and the owner of the files that it writes;
//! - `request`: the request that creates a container; `classify`: causes of the engine's errors and of exit codes;
//! - `run`: a container from creation to removal; `monitor`: from start to end; `output`, `memory`: what is recorded of it;
//! - `retry`: retries failures that may be spurious;
//! - [`StopToken`]: lets this program end its containers early;
//! - `cleanup`, `listing`: removes containers that killed runs left behind;
//! - `pull_reason`: classifies the errors of pulls;
//! - [`failure`]: typed failures; `error`: their messages and next steps.

pub mod build;
mod classify;
mod cleanup;
mod context;
pub mod engine;
mod error;
mod facts;
pub mod failure;
pub mod gpu;
mod gpu_choice;
pub mod image;
mod image_name;
mod listing;
mod memory;
mod monitor;
mod mount;
mod output;
mod ownership;
pub mod pull;
mod pull_reason;
pub mod reference;
mod request;
mod retry;
mod run;
pub mod sandbox;
mod stop;
mod unremoved;
mod usage;
mod user;

pub use build::Build;
pub use engine::Engine;
pub use failure::{Cause, Failure};
pub use gpu::{Gpu, GpuPath};
pub use gpu_choice::Gpus;
pub use image_name::Image;
pub use mount::{Access, Mount};
pub use output::{Line, Stream};
pub use sandbox::{Limits, Network, Sandbox, Timeouts};
pub use stop::StopToken;
pub use usage::ResourceUsage;
