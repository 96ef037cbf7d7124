//! Who a worker is, and what it can compute on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who a worker is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`SCHEMA`](crate::SCHEMA).
    pub schema: u32,
    /// SHA-256 over the source that it was built from.
    pub source: String,
    /// Version of the program.
    pub program: String,
    /// Its git commit, where known when it was built.
    pub commit: Option<String>,
    /// Versions of what its arithmetic stands on: `tch`, `libtorch`.
    pub versions: BTreeMap<String, String>,
    /// Whether its libtorch has CUDA.
    pub cuda: bool,
    /// GPUs that its libtorch sees.
    pub gpus: usize,
}

/// Something to compute on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// `cpu` or `cuda:N`.
    pub name: String,
    /// With the name of its hardware, where that decides how results are rounded.
    pub described: String,
}
