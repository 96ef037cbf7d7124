//! The identity of a worker, and the devices that it can compute on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The identity of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Edition of the protocol, [`SCHEMA`](crate::SCHEMA).
    pub schema: u32,
    /// SHA-256 over the source that it was built from.
    pub source: String,
    /// Version of the program.
    pub program: String,
    /// Its git commit; `None` if it was unknown when the program was built.
    pub commit: Option<String>,
    /// Versions of the numerical libraries: `tch`, `libtorch`.
    pub versions: BTreeMap<String, String>,
    /// Whether its libtorch has CUDA.
    pub cuda: bool,
    /// Why the CUDA library that lies beside its libtorch could not be loaded; `None` if there is none, or it was.
    #[serde(default)]
    pub cuda_problem: Option<String>,
    /// GPUs that its libtorch sees.
    pub gpus: usize,
}

/// A device that a worker can compute on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// `cpu` or `cuda:N`.
    pub name: String,
    /// Its name with that of its hardware, if that affects how results are rounded.
    pub described: String,
}
