//! What a container used.

use serde::{Deserialize, Serialize};

/// What a container used: of one that did its work, or of one that failed, until then.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Wall time from start to end.
    pub seconds: f64,
    /// Most memory in use at a time, in bytes, as the kernel counts (with files that it keeps in memory for the container);
    /// none where the run was too short to be seen, or nobody says.
    ///
    /// Where the engine is on this machine, it is the kernel's own record (cgroup v1, and v2 since Linux 5.19), read every 2
    /// ms at first and every 40 ms later: only growth after the last look is missed. On older v2 kernels it is the highest of
    /// these samples; from an engine elsewhere, the highest that it tells, about once a second.
    pub peak_memory: Option<u64>,
}
