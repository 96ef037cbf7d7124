//! Properties of a container engine.

/// Properties of a container engine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EngineFacts {
    /// Whether it is Podman, which differs from Docker in places.
    pub podman: bool,
    /// Version of the engine.
    pub version: String,
    /// Version of its API.
    pub api: String,
    /// Whether root in a container is the user who runs the engine, not root of the machine.
    pub rootless: bool,
    /// Whether it isolates containers with SELinux.
    pub selinux: bool,
    /// Registered OCI runtimes, such as `runc` and `nvidia`.
    pub runtimes: Vec<String>,
    /// Folders that it searches for CDI devices.
    pub cdi_folders: Vec<String>,
    /// CDI devices that it found, such as `nvidia.com/gpu=all`; reported by Docker 28.2 and newer.
    pub devices: Vec<String>,
    /// Version of the kernel's control groups, `1` or `2`.
    pub cgroups: String,
    /// Whether it can limit the memory of a container.
    pub limits_memory: bool,
    /// Memory of its machine in bytes; `None` if it does not report it.
    pub memory: Option<u64>,
    /// Folder of its images and containers.
    pub root: String,
}

impl EngineFacts {
    /// Returns whether it enforces limits on memory, processes and CPUs. Rootless engines need cgroup v2 for this, and
    /// silently ignore limits without it.
    pub fn enforces_limits(&self) -> bool {
        !(self.rootless && self.cgroups == "1")
    }
}
