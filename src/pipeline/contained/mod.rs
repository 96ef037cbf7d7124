//! Stages of this program in a container: the same program in an image (`docker/train`) does the work, isolated, and this one
//! plans, keeps the journal and judges. What needs libtorch is a worker's affair ([`crate::placement`]).
//!
//! - `stage`, `plan`: one stage as a container, or all of a plan, with its notes and its error as if it had run here;
//! - `stores`: feature stores are built here beforehand, since data are read-only there;
//! - `request`: what the program in the image is asked; `guest`: the side in the image.

pub mod guest;
mod plan;
mod request;
mod stage;
mod stores;

pub(super) use plan::in_place;
pub(super) use stage::{Extra, run_stage};
pub use stores::{Features, build as build_stores};
