//! Runs stages of this program in a container. The same program in an image (`docker/train`) does the work, isolated; this
//! process plans, keeps the journal and judges. Work that needs libtorch goes to a worker instead ([`crate::placement`]).
//!
//! - `stage`: runs one stage in a container and passes on its notes and its error;
//! - `feature_stores`: builds feature stores on the host beforehand, since data are read-only in a container;
//! - `request`: the request to the program in the image ([`super::container_entry`] answers it).

mod feature_stores;
mod request;
mod stage;

pub use feature_stores::{FeatureSelection, build as build_stores};
pub(super) use request::StageRequest;
pub(super) use stage::in_place;
