//! What an engine is asked for: a sandbox as the engine's own words.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount as EngineMount, MountType};

use super::engine::Engine;
use super::gpu;
use super::leftovers::FOLDERS;
use super::lost::Folder;
use super::mount::{Access, Mount};
use super::sandbox::{Network, Sandbox};
use super::user::User;

/// `/tmp` where the sandbox does not say.
const TMP: u64 = 1 << 30;

impl Engine {
    /// A container for a sandbox, run as `user`; `folders` are noted in a label.
    pub(super) fn body(&self, sandbox: &Sandbox, user: &User, folders: &[Folder]) -> ContainerCreateBody {
        let limits = &sandbox.limits;
        let memory = limits.memory.map(signed);
        let mut security = vec!["no-new-privileges".to_owned()];
        if self.facts().selinux {
            // SELinux lets containers read only what was relabelled for them, and a person's folders are not ours to relabel.
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
            // The same number: no swap beyond it.
            memory_swap: memory,
            pids_limit: Some(limits.pids.into()),
            nano_cpus: limits.cpus.map(|cpus| (cpus * 1e9) as i64),
            shm_size: Some(signed(limits.shm)),
            // The output goes to this program alone: nothing piles up on the engine in a run of days.
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            ..HostConfig::default()
        };
        let mut environment = vec!["HOME=/tmp".to_owned()];
        environment.extend(sandbox.environment.iter().map(|(name, value)| format!("{name}={value}")));
        gpu::ask(&mut host, &mut environment, &sandbox.gpus, sandbox.gpu_path, self.facts());
        let mut labels = self.labels();
        if let Ok(folders) = serde_json::to_string(folders) {
            labels.insert(FOLDERS.to_owned(), folders);
        }
        ContainerCreateBody {
            image: Some(sandbox.image.id.clone()),
            entrypoint: Some(sandbox.command.clone()),
            cmd: Some(Vec::new()),
            // Closed by the engine when this process, which is the one that is attached, has gone.
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

/// Folders in memory, in which nothing can be executed.
fn tmpfs(sandbox: &Sandbox, podman: bool) -> HashMap<String, String> {
    let options = |size: u64| format!("rw,nosuid,nodev,noexec,mode=1777,size={size}");
    let mut all = HashMap::from([("/tmp".to_owned(), options(TMP))]);
    if podman {
        // Podman makes it writable in read-only containers, without a limit.
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
