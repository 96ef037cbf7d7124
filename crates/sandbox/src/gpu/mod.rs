//! GPUs: how they are requested from an engine, the errors of such requests, and how to fix them.
//!
//! - `path`: the kinds of requests and the choice between them;
//! - `probe`: a short container that checks whether it gets a GPU;
//! - `capability`: compute capabilities of GPUs whose driver does not report them.

mod capability;
mod path;
mod probe;

pub use path::{GpuPath, supports_gpu_requests};
pub(super) use path::{add_request, is_gpu_error};
pub use probe::Gpu;
