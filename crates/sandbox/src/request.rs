//! The request that creates a container for a sandbox.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount as EngineMount, MountType};

use super::cleanup::FOLDERS;
use super::engine::Engine;
use super::gpu;
use super::mount::{Access, Mount};
use super::sandbox::{Network, Sandbox};
use super::unremoved::FolderOwner;
use super::user::User;

/// Default size of `/tmp` in bytes.
const TMP: u64 = 1 << 30;

impl Engine {
    /// Returns the request for a container that runs as `user`; a label records `folders`.
    pub(super) fn body(&self, sandbox: &Sandbox, user: &User, folders: &[FolderOwner]) -> ContainerCreateBody {
        let limits = &sandbox.limits;
        let memory = limits.memory.map(signed);
        let mut security = vec!["no-new-privileges".to_owned()];
        if self.facts().selinux {
            // SELinux lets containers read only what was relabelled for them; the user's folders must not be relabelled.
            security.push("label=disable".to_owned());
        }
        let mut host = HostConfig {
            mounts: Some(mounts(sandbox)),
            tmpfs: Some(tmpfs(sandbox, self.facts().podman)),
            network_mode: Some(match sandbox.network {
                Network::None => "none".to_owned(),
                Network::Bridge => "bridge".to_owned(),
            }),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(security),
            userns_mode: user.namespace.map(str::to_owned),
            group_add: Some(user.groups.iter().map(u32::to_string).collect()),
            init: Some(true),
            memory,
            // The same number as `memory`: no swap.
            memory_swap: memory,
            pids_limit: Some(limits.pids.into()),
            nano_cpus: limits.cpus.map(|cpus| (cpus * 1e9) as i64),
            shm_size: Some(signed(limits.shm)),
            // Only this program reads the output; a log of the engine would grow for days.
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            ..HostConfig::default()
        };
        let mut environment = vec!["HOME=/tmp".to_owned()];
        environment.extend(sandbox.environment.iter().map(|(name, value)| format!("{name}={value}")));
        gpu::add_request(&mut host, &mut environment, &sandbox.gpus, sandbox.gpu_path, self.facts());
        let mut labels = self.labels();
        if let Ok(folders) = serde_json::to_string(folders) {
            labels.insert(FOLDERS.to_owned(), folders);
        }
        ContainerCreateBody {
            image: Some(sandbox.image.id.clone()),
            entrypoint: Some(sandbox.command.clone()),
            cmd: Some(Vec::new()),
            // The engine closes it when this process, the attached client, ends.
            open_stdin: Some(sandbox.lifeline),
            stdin_once: Some(sandbox.lifeline),
            attach_stdin: Some(sandbox.lifeline),
            env: Some(environment),
            user: Some(format!("{}:{}", user.uid, user.gid)),
            working_dir: sandbox.workdir.as_ref().map(|path| path.display().to_string()),
            labels: Some(labels),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        }
    }
}

fn mounts(sandbox: &Sandbox) -> Vec<EngineMount> {
    let mount = |mount: &Mount| EngineMount {
        source: Some(absolute(&mount.source)),
        target: Some(mount.target.display().to_string()),
        typ: Some(MountType::BIND),
        read_only: Some(mount.access == Access::Read),
        ..EngineMount::default()
    };
    sandbox.mounts.iter().map(mount).collect()
}

/// Returns the folders in memory with their mount options; nothing in them can be executed.
fn tmpfs(sandbox: &Sandbox, podman: bool) -> HashMap<String, String> {
    let options = |size: u64| format!("rw,nosuid,nodev,noexec,mode=1777,size={size}");
    let mut all = HashMap::from([("/tmp".to_owned(), options(TMP))]);
    if podman {
        // Podman makes this folder writable in read-only containers, without a size limit.
        all.insert("/var/tmp".to_owned(), "ro,nosuid,nodev,noexec,mode=755,size=4096".to_owned());
    }
    all.extend(sandbox.tmpfs.iter().map(|(path, size)| (path.display().to_string(), options(*size))));
    all
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
