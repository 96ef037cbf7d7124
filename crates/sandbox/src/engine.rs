//! The connection to an engine, and what the engine is.

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as Answer;
use tokio::runtime::Runtime;

pub use super::facts::Facts;
use super::failure::{Cause, Failure, Unreachable};
use super::hindrance::says_full;
use super::lost::Lost;
use base::process;

/// The oldest API that works: Docker 20.10's.
const OLDEST_API: (u32, u32) = (1, 41);
/// Label of every container of this program: the process that owns it ([`process::mark`]).
pub(super) const OWNER: &str = "lxmert-repro.owner";
/// Label: the run that it belongs to.
pub(super) const RUN: &str = "lxmert-repro.run";

/// A container engine: Docker, or Podman's Docker-compatible socket.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    runtime: Arc<Runtime>,
    facts: Facts,
    host: String,
    run: String,
    lost: Arc<Mutex<Vec<Lost>>>,
}

impl Engine {
    /// Connects to the engine that `DOCKER_HOST` names, else to the first of the usual sockets that is there. Containers
    /// are labelled with `run`.
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
    /// As [`Self::connect`].
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
            Ok::<_, Answer>((docker, version))
        };
        let failed = |error: Answer| match too_old(&error) {
            Some(cause) => cause.into(),
            None => unreachable(unreachable_because(host, &error), reason(&error)),
        };
        let (docker, version) = runtime.block_on(answers).map_err(failed)?;
        let found = version.api_version.unwrap_or_default();
        if older(&found) {
            return Err(Cause::EngineTooOld { found, needed: needed() }.into());
        }
        let info = runtime.block_on(docker.info()).map_err(failed)?;
        let components = version.components.unwrap_or_default();
        let options = info.security_options.unwrap_or_default();
        let podman = components.iter().any(|component| component.name.contains("Podman"));
        // Podman 4 does not say so, but then its socket is a person's.
        let rootless = options.iter().any(|option| option.contains("rootless")) || podman && is_a_persons(host);
        let facts = Facts {
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
            root: info.docker_root_dir.unwrap_or_default(),
        };
        let (host, run, lost) = (host.to_owned(), run.to_owned(), Arc::default());
        Ok(Self { docker, runtime: Arc::new(runtime), facts, host, run, lost })
    }

    /// The same engine, with another time within which it must begin to answer (2 minutes unless said otherwise); whole
    /// seconds. It does not limit how long a container may run.
    #[must_use]
    pub fn with_answers_within(mut self, time: Duration) -> Self {
        self.docker.set_timeout(time);
        self
    }

    /// What the engine is.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Its address.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn docker(&self) -> &Docker {
        &self.docker
    }

    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Lets something run beside what [`Self::block_on`] runs.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        self.runtime.spawn(future)
    }

    /// Containers of this process that could not be removed.
    pub(super) fn lost(&self) -> MutexGuard<'_, Vec<Lost>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Labels of every container of this process.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(OWNER.to_owned(), process::mark()), (RUN.to_owned(), self.run.clone())])
    }

    /// Puts an answer that has no meaning of its own into words.
    pub(super) fn failed(&self, doing: &str, error: Answer) -> Failure {
        match error {
            Answer::DockerResponseServerError { message, .. } | Answer::DockerStreamError { error: message } => {
                if says_full(&message) {
                    return Cause::DiskFull { why: message }.into();
                }
                Cause::Engine { doing: doing.to_owned(), why: message.trim().to_owned() }.into()
            }
            Answer::JsonDataError { message, .. } => {
                Cause::Engine { doing: doing.to_owned(), why: format!("its answer is not understood: {message}") }
                    .into()
            }
            other => Cause::EngineLost { why: reason(&other) }.into(),
        }
    }
}

/// The usual sockets: Docker's, rootless Docker's, rootless Podman's, Podman's. The first where none is there.
fn usual_socket() -> String {
    let mut sockets = vec!["/var/run/docker.sock".to_owned()];
    if let Ok(folder) = std::env::var("XDG_RUNTIME_DIR") {
        sockets.extend([format!("{folder}/docker.sock"), format!("{folder}/podman/podman.sock")]);
    }
    sockets.push("/run/podman/podman.sock".to_owned());
    let found = sockets.iter().find(|socket| Path::new(socket).exists());
    format!("unix://{}", found.unwrap_or(&sockets[0]))
}

/// Whether a socket belongs to somebody other than root.
fn is_a_persons(host: &str) -> bool {
    use std::os::unix::fs::MetadataExt;
    let socket = host.strip_prefix("unix://").map(std::fs::metadata);
    socket.is_some_and(|metadata| metadata.is_ok_and(|metadata| metadata.uid() != 0))
}

fn needed() -> String {
    format!("{}.{}", OLDEST_API.0, OLDEST_API.1)
}

/// Whether an API version is older than the oldest that works; one that cannot be read is not.
fn older(api: &str) -> bool {
    let version = api.split_once('.').and_then(|(a, b)| Some((a.parse::<u32>().ok()?, b.parse::<u32>().ok()?)));
    version.is_some_and(|version| version < OLDEST_API)
}

/// Engines refuse requests of newer clients: `client version 1.53 is too new. Maximum supported API version is 1.30`.
fn too_old(error: &Answer) -> Option<Cause> {
    let Answer::DockerResponseServerError { message, .. } = error else { return None };
    let (_, found) = message.split_once("Maximum supported API version is ")?;
    let found = found.trim().trim_end_matches('.').to_owned();
    older(&found).then(|| Cause::EngineTooOld { found, needed: needed() })
}

/// Why nobody answers, from what the connection said and what lies at the address.
fn unreachable_because(host: &str, error: &Answer) -> Unreachable {
    use std::io::ErrorKind;
    if matches!(error, Answer::UnsupportedURISchemeError { .. }) {
        return Unreachable::BadAddress;
    }
    // bollard looks for the file first: a folder that may not be entered looks like a missing one.
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

/// The innermost cause, which says most.
fn reason(error: &Answer) -> String {
    if matches!(error, Answer::RequestTimeoutError) {
        return "it does not answer".into();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
