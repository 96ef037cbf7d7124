//! Time and memory that a container used.

use serde::{Deserialize, Serialize};

/// Time and memory that a container used until it ended or failed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ResourceUsage {
    /// Wall time from start to end, in seconds.
    pub seconds: f64,
    /// Peak memory in bytes, as the kernel counts it, page cache included. `None` if the run was too short to be sampled or
    /// no record is available.
    ///
    /// For an engine on this machine it is the kernel's own record (cgroup v1, and v2 since Linux 5.19), read every 2 ms at
    /// first and every 40 ms later: only growth after the last sample is missed. On older v2 kernels it is the maximum of
    /// these samples; for a remote engine, the maximum of its statistics, about one per second.
    pub peak_memory: Option<u64>,
}
