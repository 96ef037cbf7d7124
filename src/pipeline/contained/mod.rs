//! Stages and commands of this program in a container: the same program in an image (`docker/train`) does the work, isolated,
//! and this one plans, keeps the journal and judges.
//!
//! - `mounts`: what the container sees of this machine, at the same paths: inputs read-only, one folder to fill;
//! - `place`: an engine with an image that was asked who it is; nothing but the same version is used;
//! - `stage`, `plan`: one stage as a container, or all of a plan, with its notes and its error as if it had run here;
//! - `stores`: feature stores are built here beforehand, since data are read-only there;
//! - `protocol`: what both sides say; `guest` (feature `torch`): the side in the image.

pub mod guest;
mod mounts;
mod place;
mod plan;
mod protocol;
mod stage;
mod stores;

pub use mounts::Mounts;
pub use place::{Options, Place};
pub(super) use plan::in_place;
pub use protocol::{Answer, Description, PROTOCOL, REQUEST, Request};
pub(super) use stage::{Extra, run_stage};
pub use stores::{Features, build as build_stores};
