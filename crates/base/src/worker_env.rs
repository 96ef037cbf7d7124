//! The environment variables that a worker is started with, which its libraries read when they are loaded or first used.

use crate::openmp;

/// Makes cuBLAS use its workspace in a fixed way, without which its products differ from run to run in the last bits
/// (documentation of cuBLAS, "Results reproducibility").
pub const CUBLAS_WORKSPACE: (&str, &str) = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8");

/// Returns the variables to set for a worker, without those that the user has set.
pub fn defaults() -> impl Iterator<Item = (&'static str, &'static str)> {
    let cublas = std::env::var_os(CUBLAS_WORKSPACE.0).is_none().then_some(CUBLAS_WORKSPACE);
    openmp::default_env().into_iter().chain(cublas)
}
