//! GPUs: how an engine is asked for them, how its refusals read, and what mends them.
//!
//! - `path`: the ways to a GPU and the choice between them;
//! - `probe`: a short container that really looks;
//! - `capability`: compute capabilities of GPUs whose driver does not tell.

mod capability;
mod path;
mod probe;

pub use path::{GpuPath, heeds_requests};
pub(super) use path::{ask, is_refusal};
pub use probe::Gpu;
