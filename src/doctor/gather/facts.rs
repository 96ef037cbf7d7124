//! Collects all facts except those about GPUs.

use super::gpu::{self, GpuSources};
use super::training;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::system_files::{program, text};

use super::super::finding::{COMPUTING_HERE, Purpose};
use super::super::machine::{
    EngineState, ImageState, Machine, Memory, PackageManager, Processor, RoleImage, System, Torch, WorkerState,
};
use crate::images::{self, Role, known, lock};
use crate::placement::{Host, worker_program};
use assets::disk;
use base::error::Result;
use base::files::lock::probe;
use base::host::{self, HostFacts, field};
use base::versions;
use protocol::Hello;
use sandbox::failure::Unreachable;
use sandbox::{Cause, Engine as Connection, Failure};

/// Programs that advice depends on.
const PROGRAMS: [&str; 6] =
    ["dockerd", "podman", "nvidia-smi", "nvidia-ctk", "nvidia-container-runtime-hook", "ubuntu-drivers"];

/// Collects the facts. The worker is checked only if a requested purpose computes on this machine itself. GPUs are looked for in a
/// container of `image`, or else of one of the program's images that exists.
///
/// # Errors
/// Those of [`lock::read`].
pub fn machine(workspace: &Path, image: Option<&str>, asked: &[Purpose]) -> Result<Machine> {
    let connection = Connection::connect("doctor");
    let images = match &connection {
        Ok(connection) => look_up(connection, workspace)?,
        Err(_) => Vec::new(),
    };
    let system = system();
    let smi = program("nvidia-smi");
    let sources =
        GpuSources { root: Path::new("/"), smi: smi.as_deref(), visible: std::env::var("CUDA_VISIBLE_DEVICES").ok() };
    let gpu = gpu::parts(sources, connection.as_ref().ok(), &images, image);
    let here = HostFacts::here();
    let worker =
        if asked.iter().any(|purpose| COMPUTING_HERE.contains(purpose)) { worker() } else { WorkerState::Unasked };
    let training = match &worker {
        WorkerState::Fits(torch) if asked.contains(&Purpose::Train) => training::times(workspace, &torch.version),
        _ => None,
    };
    Ok(Machine {
        processor: Processor { model: here.cpu, cores: here.cpus, features: features() },
        memory: memory(here.memory),
        workspace: (workspace.to_owned(), disk::free(workspace).ok()),
        locks: locks(workspace),
        shm: shm(),
        now: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs()),
        commit: versions::commit_time(),
        worker,
        engine: match connection {
            Ok(connection) => EngineState::Answers {
                host: connection.host().to_owned(),
                facts: connection.facts().clone(),
                free: free_of_engine(&connection),
            },
            Err(failure) => silent(failure),
        },
        images,
        gpu,
        training,
        system,
    })
}

pub(super) fn system() -> System {
    let release = text("/etc/os-release");
    let names = [field(&release, "ID", '='), field(&release, "ID_LIKE", '=')]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let any = |kin: &[&str]| names.split_whitespace().any(|name| kin.contains(&name));
    let packages = match () {
        () if any(&["debian", "ubuntu"]) => PackageManager::Apt,
        () if any(&["fedora", "rhel", "centos"]) => PackageManager::Dnf,
        () => PackageManager::Other,
    };
    System {
        packages,
        root: rustix::process::geteuid().is_root(),
        systemd: Path::new("/run/systemd/system").exists(),
        programs: PROGRAMS.into_iter().filter(|name| program(name).is_some()).collect(),
    }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Option<Vec<&'static str>> {
    let known = [
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("AVX-512", is_x86_feature_detected!("avx512f")),
        ("bf16", is_x86_feature_detected!("avx512bf16")),
        ("SHA", is_x86_feature_detected!("sha")),
    ];
    Some(known.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect())
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Option<Vec<&'static str>> {
    None
}

/// Returns the memory of the machine, or the lower limit of this process's control group.
fn memory(all: Option<u64>) -> Memory {
    let limit = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| text(path).trim().parse::<u64>().ok());
    Memory { total: all.map(|all| limit.map_or(all, |limit| limit.min(all))), available: host::memory("MemAvailable") }
}

/// Tries to lock a file in the workspace, or in the folder that it would be created in.
fn locks(workspace: &Path) -> Option<Result<(), String>> {
    let folder = workspace.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    Some(match probe(folder).ok()? {
        None => Ok(()),
        Some(error) => Err(error.to_string()),
    })
}

fn shm() -> Option<u64> {
    let folder = rustix::fs::statvfs("/dev/shm").ok()?;
    Some(folder.f_blocks.saturating_mul(folder.f_frsize))
}

/// Asks the worker of this machine for its handshake.
fn worker() -> WorkerState {
    if let Err(error) = worker_program::find() {
        return WorkerState::Missing { why: error.what().to_owned() };
    }
    match Host.hello() {
        Ok(Hello { versions, cuda, cuda_problem, gpus, .. }) => {
            let version = versions.get("libtorch").cloned().unwrap_or_else(|| "unknown".to_owned());
            WorkerState::Fits(Torch { version, cuda, cuda_problem, gpus })
        }
        Err(error) => WorkerState::Unfit { why: error.what().to_owned() },
    }
}

fn free_of_engine(connection: &Connection) -> Option<u64> {
    let root = Path::new(&connection.facts().root);
    (connection.host().starts_with("unix://") && root.is_absolute() && root.exists())
        .then(|| disk::free(root).ok())
        .flatten()
}

fn silent(failure: Failure) -> EngineState {
    match *failure.cause {
        Cause::EngineTooOld { found, .. } => EngineState::TooOld { found },
        Cause::EngineUnreachable { host, reason, why } => {
            let named = std::env::var("DOCKER_HOST").is_ok_and(|named| named == host);
            EngineState::Silent { host, named, reason, why }
        }
        other => EngineState::Silent {
            host: String::new(),
            named: false,
            reason: Unreachable::Other,
            why: other.to_string(),
        },
    }
}

/// Looks up the program's images in the engine.
fn look_up(connection: &Connection, workspace: &Path) -> Result<Vec<RoleImage>> {
    let lock = lock::read(workspace)?;
    let look = |role: Role| {
        let name = known::of(role)?.name;
        let state = match images::state(connection, &lock, &name) {
            Ok(images::ImageStatus::Missing) => ImageState::Missing,
            Ok(images::ImageStatus::Unpinned(_)) => ImageState::Unpinned,
            Ok(images::ImageStatus::Pinned(_)) => ImageState::Pinned,
            Ok(images::ImageStatus::Changed { .. }) => ImageState::Changed,
            Err(error) => ImageState::Unknown(error.what().to_owned()),
        };
        Ok(RoleImage { role, name, state })
    };
    [Role::Extractor, Role::Train].into_iter().map(look).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_this_machine_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(folder.path(), None, &Purpose::ALL).unwrap();
        assert!(machine.processor.cores > 0 && machine.memory.total > Some(1 << 28));
        assert!(machine.workspace.1 > Some(0) && machine.locks == Some(Ok(())) && machine.now > 1_700_000_000);
    }
}
