//! The connection to a container engine.

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as DockerError;
use tokio::runtime::Runtime;

pub use super::facts::EngineFacts;
use super::failure::{Cause, Failure, Unreachable};
use super::pull_reason::says_full;
use super::unremoved::UnremovedContainer;
use base::{host, process};

/// Oldest supported API: Docker 20.10's.
const OLDEST_API: (u32, u32) = (1, 41);
/// Label of every container of this program: its owning process ([`process::mark`]).
pub(super) const OWNER: &str = "lxmert-repro.owner";
/// Label of every container of this program: its run.
pub(super) const RUN: &str = "lxmert-repro.run";

/// A container engine: Docker, or Podman's Docker-compatible socket.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    runtime: Arc<Runtime>,
    facts: EngineFacts,
    host: String,
    run: String,
    unremoved: Arc<Mutex<Vec<UnremovedContainer>>>,
}

impl Engine {
    /// Connects to the engine that `DOCKER_HOST` names, by default to the first standard socket that exists. Containers are
    /// labelled with `run`.
    ///
    /// # Errors
    /// [`Cause::EngineUnreachable`], [`Cause::EngineTooOld`].
    pub fn connect(run: &str) -> Result<Self, Failure> {
        let host = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()).unwrap_or_else(usual_socket);
        Self::connect_to(&host, run)
    }

    /// Connects to the engine at an address: `unix://PATH`, `tcp://HOST:PORT`.
    ///
    /// # Errors
    /// [`Cause::EngineUnreachable`], [`Cause::EngineTooOld`].
    pub fn connect_to(host: &str, run: &str) -> Result<Self, Failure> {
        let unreachable =
            |reason, why: String| Failure::from(Cause::EngineUnreachable { host: host.to_owned(), reason, why });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|e| unreachable(Unreachable::Other, e.to_string()))?;
        let answers = async {
            let docker = Docker::connect_with_host(host)?.negotiate_version().await?;
            let version = docker.version().await?;
            Ok::<_, DockerError>((docker, version))
        };
        let failed = |error: DockerError| match too_old_cause(&error) {
            Some(cause) => cause.into(),
            None => unreachable(unreachable_because(host, &error), innermost_cause(&error)),
        };
        let (docker, version) = runtime.block_on(answers).map_err(failed)?;
        let found = version.api_version.unwrap_or_default();
        if is_too_old(&found) {
            return Err(Cause::EngineTooOld { found, needed: oldest_api() }.into());
        }
        let info = runtime.block_on(docker.info()).map_err(failed)?;
        let components = version.components.unwrap_or_default();
        let options = info.security_options.unwrap_or_default();
        let podman = components.iter().any(|component| component.name.contains("Podman"));
        // Podman 4 does not report this, but the socket of a rootless Podman belongs to its user.
        let rootless = options.iter().any(|option| option.contains("rootless")) || podman && is_user_socket(host);
        let facts = EngineFacts {
            podman,
            version: version.version.unwrap_or_default(),
            api: found,
            rootless,
            selinux: options.iter().any(|option| option.contains("selinux")),
            runtimes: info.runtimes.unwrap_or_default().into_keys().collect(),
            cdi_folders: info.cdi_spec_dirs.unwrap_or_default(),
            devices: info.discovered_devices.unwrap_or_default().into_iter().filter_map(|device| device.id).collect(),
            cgroups: info.cgroup_version.map_or_else(|| "1".to_owned(), |version| version.to_string()),
            limits_memory: info.memory_limit.unwrap_or(true),
            memory: info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0),
            root: info.docker_root_dir.unwrap_or_default(),
        };
        let (host, run, unremoved) = (host.to_owned(), run.to_owned(), Arc::default());
        Ok(Self { docker, runtime: Arc::new(runtime), facts, host, run, unremoved })
    }

    /// Sets the time within which the engine must begin to answer, in whole seconds; 2 minutes by default. It does not limit
    /// how long a container may run.
    #[must_use]
    pub fn with_response_timeout(mut self, time: Duration) -> Self {
        self.docker.set_timeout(time);
        self
    }

    /// Returns the properties of the engine.
    pub fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    /// Returns the memory in bytes that its containers can get: what is available if it runs on this machine, otherwise all of
    /// its machine's; `None` if unknown.
    pub fn available_memory(&self) -> Option<u64> {
        let here = self.host.starts_with("unix://").then(|| host::memory("MemAvailable")).flatten();
        // An engine in a virtual machine has a socket here but less memory.
        here.into_iter().chain(self.facts.memory).min()
    }

    /// Returns its address.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn docker(&self) -> &Docker {
        &self.docker
    }

    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Runs a future in the background.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        self.runtime.spawn(future)
    }

    /// Returns the containers of this process that could not be removed.
    pub(super) fn unremoved(&self) -> MutexGuard<'_, Vec<UnremovedContainer>> {
        self.unremoved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the labels of every container of this process.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(OWNER.to_owned(), process::mark()), (RUN.to_owned(), self.run.clone())])
    }

    /// Converts an error of the engine that has no cause of its own into a failure.
    pub(super) fn engine_failure(&self, doing: &str, error: DockerError) -> Failure {
        match error {
            DockerError::DockerResponseServerError { message, .. }
            | DockerError::DockerStreamError { error: message } => {
                if says_full(&message) {
                    return Cause::DiskFull { why: message }.into();
                }
                Cause::Engine { doing: doing.to_owned(), why: message.trim().to_owned() }.into()
            }
            DockerError::JsonDataError { message, .. } => {
                Cause::Engine { doing: doing.to_owned(), why: format!("its answer cannot be parsed: {message}") }.into()
            }
            other => Cause::EngineLost { why: innermost_cause(&other) }.into(),
        }
    }
}

/// Returns the first existing socket of Docker, rootless Docker, rootless Podman and Podman; Docker's if none exists.
fn usual_socket() -> String {
    let mut sockets = vec!["/var/run/docker.sock".to_owned()];
    if let Ok(folder) = std::env::var("XDG_RUNTIME_DIR") {
        sockets.extend([format!("{folder}/docker.sock"), format!("{folder}/podman/podman.sock")]);
    }
    sockets.push("/run/podman/podman.sock".to_owned());
    let found = sockets.iter().find(|socket| Path::new(socket).exists());
    format!("unix://{}", found.unwrap_or(&sockets[0]))
}

/// Returns whether a socket belongs to a user other than root.
fn is_user_socket(host: &str) -> bool {
    use std::os::unix::fs::MetadataExt;
    let socket = host.strip_prefix("unix://").map(std::fs::metadata);
    socket.is_some_and(|metadata| metadata.is_ok_and(|metadata| metadata.uid() != 0))
}

fn oldest_api() -> String {
    format!("{}.{}", OLDEST_API.0, OLDEST_API.1)
}

/// Returns whether an API version is older than the oldest supported one; a version that cannot be parsed is not.
fn is_too_old(api: &str) -> bool {
    let version = api.split_once('.').and_then(|(a, b)| Some((a.parse::<u32>().ok()?, b.parse::<u32>().ok()?)));
    version.is_some_and(|version| version < OLDEST_API)
}

/// Returns the cause if the error means that the engine is too old. Old engines refuse newer clients with the text `client
/// version 1.53 is too new. Maximum supported API version is 1.30`.
fn too_old_cause(error: &DockerError) -> Option<Cause> {
    let DockerError::DockerResponseServerError { message, .. } = error else { return None };
    let (_, found) = message.split_once("Maximum supported API version is ")?;
    let found = found.trim().trim_end_matches('.').to_owned();
    is_too_old(&found).then(|| Cause::EngineTooOld { found, needed: oldest_api() })
}

/// Returns why no engine answers, given the error of the connection and the file at the address.
fn unreachable_because(host: &str, error: &DockerError) -> Unreachable {
    use std::io::ErrorKind;
    if matches!(error, DockerError::UnsupportedURISchemeError { .. }) {
        return Unreachable::BadAddress;
    }
    // bollard checks for the file first: a folder without permission looks like a missing file.
    if let Some(path) = host.strip_prefix("unix://") {
        match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Unreachable::NoPermission,
            Err(_) => return Unreachable::NoSocket,
            Ok(_) => {}
        }
    }
    let mut inner: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = inner {
        match error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(ErrorKind::PermissionDenied) => return Unreachable::NoPermission,
            Some(ErrorKind::ConnectionRefused) => return Unreachable::NotRunning,
            _ => inner = error.source(),
        }
    }
    Unreachable::Other
}

/// Returns the innermost cause of an error, which says most.
fn innermost_cause(error: &DockerError) -> String {
    if matches!(error, DockerError::RequestTimeoutError) {
        return "it does not answer".into();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
