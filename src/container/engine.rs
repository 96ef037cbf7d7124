//! The connection to an engine, and what the engine is.

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use bollard::Docker;
use bollard::errors::Error as Answer;
use tokio::runtime::Runtime;

use super::failure::{Cause, Failure};
use crate::process;

/// The oldest API that works: Docker 20.10's.
const OLDEST_API: (u32, u32) = (1, 41);
/// Label of every container of this program: the process that owns it ([`process::mark`]).
pub(super) const OWNER: &str = "lxmert-repro.owner";
/// Label: the run that it belongs to.
pub(super) const RUN: &str = "lxmert-repro.run";

/// What an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether it is Podman, which behaves differently in places.
    pub podman: bool,
    /// Its version.
    pub version: String,
    /// Its API's version.
    pub api: String,
    /// Whether root in a container is the person who runs the engine, not the machine's root.
    pub rootless: bool,
    /// OCI runtimes that it knows, such as `runc` and `nvidia`.
    pub runtimes: Vec<String>,
    /// Folders in which it looks for CDI devices.
    pub cdi_folders: Vec<String>,
    /// Devices that it found there, such as `nvidia.com/gpu=all`; Docker tells from 28.2 on.
    pub devices: Vec<String>,
    /// Folder that holds its images and containers.
    pub root: String,
}

/// A container engine: Docker, or Podman's Docker-compatible socket.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    runtime: Arc<Runtime>,
    facts: Facts,
    host: String,
    run: String,
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
        let unreachable = |why: String| Failure::from(Cause::EngineUnreachable { host: host.to_owned(), why });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|e| unreachable(e.to_string()))?;
        let docker = Docker::connect_with_host(host).map_err(|e| unreachable(e.to_string()))?;
        let (docker, version, info) = runtime
            .block_on(async {
                let docker = docker.negotiate_version().await?;
                let version = docker.version().await?;
                let info = docker.info().await?;
                Ok::<_, Answer>((docker, version, info))
            })
            .map_err(|e| unreachable(reason(&e)))?;
        let components = version.components.unwrap_or_default();
        let facts = Facts {
            podman: components.iter().any(|component| component.name.contains("Podman")),
            version: version.version.unwrap_or_default(),
            api: version.api_version.unwrap_or_default(),
            rootless: info.security_options.unwrap_or_default().iter().any(|option| option.contains("rootless")),
            runtimes: info.runtimes.unwrap_or_default().into_keys().collect(),
            cdi_folders: info.cdi_spec_dirs.unwrap_or_default(),
            devices: info.discovered_devices.unwrap_or_default().into_iter().filter_map(|device| device.id).collect(),
            root: info.docker_root_dir.unwrap_or_default(),
        };
        let api = facts.api.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        if api.is_some_and(|api: (u32, u32)| api < OLDEST_API) {
            let needed = format!("{}.{}", OLDEST_API.0, OLDEST_API.1);
            return Err(Cause::EngineTooOld { found: facts.api, needed }.into());
        }
        Ok(Self { docker, runtime: Arc::new(runtime), facts, host: host.to_owned(), run: run.to_owned() })
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

    /// Labels of every container of this process.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(OWNER.to_owned(), process::mark()), (RUN.to_owned(), self.run.clone())])
    }

    /// Puts an answer that has no meaning of its own into words.
    pub(super) fn failed(&self, doing: &str, error: Answer) -> Failure {
        match error {
            Answer::DockerResponseServerError { message, .. } | Answer::DockerStreamError { error: message } => {
                if message.contains("no space left on device") {
                    return Cause::DiskFull { why: message }.into();
                }
                Cause::Engine { doing: doing.to_owned(), why: message.trim().to_owned() }.into()
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

/// The innermost cause, which says most.
fn reason(error: &Answer) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
