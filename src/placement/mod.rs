//! Starts workers, which compute with libtorch, on this machine or in the training container, and relays their events.
//!
//! - [`WorkerJob`]: a piece of work; `request`: the file by which a worker gets it;
//! - [`worker_program`]: finds the worker that belongs to this program;
//! - `conversation`: interprets a worker's lines, wherever it runs;
//! - `host_worker`: a worker as a process of this machine;
//! - `container`: an engine with an image whose worker fits; `mounts`: the files that a container sees; `container_worker`: a
//!   worker in a container;
//! - `dispatch`: [`Placement`], the choice between both.

mod container;
mod container_worker;
mod conversation;
mod dispatch;
mod host_worker;
mod mounts;
mod request;
mod worker_job;
pub mod worker_program;

pub use container::{ContainerOptions, ContainerOutcome, ContainerPlace, HARNESS};
pub use container_worker::REQUEST;
pub use dispatch::{Placement, RECORD};
pub use host_worker::Host;
pub use mounts::{Mounts, absolute_path};
pub use request::{SOURCE, write_request};
pub use worker_job::{FileAccess, WorkerJob};
