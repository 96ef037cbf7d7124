//! What an engine is.

/// What an engine is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Whether it is Podman, which behaves differently in places.
    pub podman: bool,
    /// Its version.
    pub version: String,
    /// Its API's version.
    pub api: String,
    /// Whether root in a container is the person who runs the engine, not the machine's root.
    pub rootless: bool,
    /// Whether it keeps containers apart by SELinux.
    pub selinux: bool,
    /// OCI runtimes that it knows, such as `runc` and `nvidia`.
    pub runtimes: Vec<String>,
    /// Folders in which it looks for CDI devices.
    pub cdi_folders: Vec<String>,
    /// Devices that it found there, such as `nvidia.com/gpu=all`; Docker tells from 28.2 on.
    pub devices: Vec<String>,
    /// Version of the kernel's control groups, `1` or `2`.
    pub cgroups: String,
    /// Whether it can limit a container's memory.
    pub limits_memory: bool,
    /// Folder that holds its images and containers.
    pub root: String,
}

impl Facts {
    /// Whether it holds containers to limits of memory, processes and CPUs: rootless engines need cgroup v2 for it, and do
    /// not complain without.
    pub fn limits_hold(&self) -> bool {
        !(self.rootless && self.cgroups == "1")
    }
}
