//! Stages of this program in a container: the same program in an image (`docker/train`) does the work, isolated, and this one
//! plans, keeps the journal and judges. What needs libtorch is a worker's affair ([`crate::placement`]).
//!
//! - `stage`: one stage as a container, with its notes and its error as if it had run here;
//! - `stores`: feature stores are built here beforehand, since data are read-only there;
//! - `request`: what the program in the image is asked ([`super::guest`] is the side in the image).

mod request;
mod stage;
mod stores;

pub(super) use request::StageRequest;
pub(super) use stage::in_place;
pub use stores::{Features, build as build_stores};
