//! The kinds of requests for a GPU, and the choice between them.

use bollard::models::{DeviceRequest, HostConfig};
use serde::{Deserialize, Serialize};

use super::super::facts::EngineFacts;
use super::super::gpu_choice::Gpus;

/// Oldest Docker API with device requests: 19.03's.
const DEVICE_REQUESTS_API: (u32, u32) = (1, 40);
/// Oldest Podman whose Docker-compatible socket supports device requests such as those of CDI (its pull request 25171).
const OLDEST_PODMAN: (u32, u32) = (5, 4);
/// Kind of NVIDIA's devices in CDI; `nvidia-ctk cdi generate` writes it.
const CDI_KIND: &str = "nvidia.com/gpu";

/// How GPUs are requested for a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GpuPath {
    /// The way that fits the engine.
    #[default]
    Auto,
    /// Docker's device requests (`--gpus`), from 19.03.
    DeviceRequests,
    /// The runtime `nvidia`, controlled by environment variables.
    NvidiaRuntime,
    /// The Container Device Interface, from Docker 25 and Podman 5.4.
    Cdi,
}

impl GpuPath {
    /// Resolves [`Self::Auto`] to the way that fits an engine; returns any other way unchanged.
    #[must_use]
    pub fn resolve(self, facts: &EngineFacts) -> Self {
        let knows_runtime = facts.runtimes.iter().any(|runtime| runtime == "nvidia");
        let found_by_cdi = facts.devices.iter().any(|device| device.starts_with(CDI_KIND));
        match self {
            Self::Auto if facts.podman => Self::Cdi,
            Self::Auto if version(&facts.api).is_some_and(|api| api < DEVICE_REQUESTS_API) => Self::NvidiaRuntime,
            // The toolkit has not registered its runtime, but there are CDI descriptions.
            Self::Auto if found_by_cdi && !knows_runtime => Self::Cdi,
            Self::Auto => Self::DeviceRequests,
            chosen => chosen,
        }
    }

    /// Returns a short description that fits after `by`.
    pub fn description(self) -> &'static str {
        match self {
            Self::Auto => "the way that fits the engine",
            Self::DeviceRequests => "device requests (--gpus)",
            Self::NvidiaRuntime => "runtime nvidia",
            Self::Cdi => "CDI",
        }
    }

    /// Returns advice on how to make this way work on an engine.
    pub fn fix(self, facts: &EngineFacts) -> String {
        let describe = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml";
        match self.resolve(facts) {
            Self::Cdi if facts.podman && !supports_gpu_requests(facts) => format!(
                "update Podman {} to 5.4 or newer (the sockets of older versions ignore requests for a GPU), then `{describe}`",
                facts.version
            ),
            Self::Cdi if facts.podman => format!("install nvidia-container-toolkit, then `{describe}`"),
            Self::Cdi => format!(
                "use Docker 28.2 or newer (or 25 with \"features\": {{\"cdi\": true}} in /etc/docker/daemon.json), then \
                 `{describe}`"
            ),
            _ if facts.rootless => {
                "install nvidia-container-toolkit, then `nvidia-ctk runtime configure --runtime=docker \
                 --config=$HOME/.config/docker/daemon.json`, `sudo nvidia-ctk config --set nvidia-container-cli.no-cgroups \
                 --in-place` and `systemctl --user restart docker`"
                    .to_owned()
            }
            _ => "install nvidia-container-toolkit, then `sudo nvidia-ctk runtime configure --runtime=docker` and `sudo \
                  systemctl restart docker`"
                .to_owned(),
        }
    }
}

/// Returns whether an engine supports requests for GPUs; the sockets of older Podmans silently ignore them.
pub fn supports_gpu_requests(facts: &EngineFacts) -> bool {
    !facts.podman || version(&facts.version).is_none_or(|version| version >= OLDEST_PODMAN)
}

/// Adds the request for GPUs to the configuration of a container. If no GPUs are chosen, it also keeps a default runtime
/// `nvidia` from adding some.
pub(crate) fn add_request(
    host: &mut HostConfig,
    environment: &mut Vec<String>,
    gpus: &Gpus,
    path: GpuPath,
    facts: &EngineFacts,
) {
    let mut set = |name: &str, value: &str| {
        if !environment.iter().any(|entry| entry.split('=').next() == Some(name)) {
            environment.push(format!("{name}={value}"));
        }
    };
    let ids = match gpus {
        Gpus::All => None,
        Gpus::Some(ids) if !ids.is_empty() => Some(ids),
        _ => return set("NVIDIA_VISIBLE_DEVICES", "void"),
    };
    set("NVIDIA_DRIVER_CAPABILITIES", "compute,utility");
    let visible = ids.map_or_else(|| "all".to_owned(), |ids| ids.join(","));
    match path.resolve(facts) {
        GpuPath::Auto | GpuPath::DeviceRequests => {
            let capabilities = Some(vec![vec!["gpu".to_owned()]]);
            let count = if ids.is_some() { None } else { Some(-1) };
            let request = DeviceRequest { count, device_ids: ids.cloned(), capabilities, ..DeviceRequest::default() };
            host.device_requests = Some(vec![request]);
        }
        GpuPath::NvidiaRuntime => {
            set("NVIDIA_VISIBLE_DEVICES", &visible);
            host.runtime = Some("nvidia".to_owned());
        }
        GpuPath::Cdi => {
            // Some Podmans provide GPUs by an OCI hook, which reads this variable.
            if facts.podman {
                set("NVIDIA_VISIBLE_DEVICES", &visible);
            }
            let names = visible.split(',').map(|id| format!("{CDI_KIND}={id}")).collect();
            let request =
                DeviceRequest { driver: Some("cdi".to_owned()), device_ids: Some(names), ..DeviceRequest::default() };
            host.device_requests = Some(vec![request]);
        }
    }
}

/// Returns whether an engine's error is about GPUs: errors of Docker 20.10 to 29, Podman, and NVIDIA's hook and runtime.
pub(crate) fn is_gpu_error(message: &str) -> bool {
    let runtime =
        message.contains("nvidia") && (message.contains("untime specified") || message.contains("untime name"));
    let texts =
        ["could not select device driver", "CDI device", "nvidia-container-", "nvidia.com/gpu", "driver: nvidia"];
    runtime || texts.iter().any(|text| message.contains(text))
}

/// Parses the major and minor number of a version.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docker() -> EngineFacts {
        EngineFacts {
            version: "20.10.24+dfsg1".into(),
            api: "1.41".into(),
            runtimes: vec!["runc".into()],
            ..EngineFacts::default()
        }
    }

    #[test]
    fn the_automatic_way_fits_the_engine() {
        let auto = |facts: EngineFacts| GpuPath::Auto.resolve(&facts);
        let cdi = vec!["nvidia.com/gpu=all".to_owned()];
        assert_eq!(auto(docker()), GpuPath::DeviceRequests);
        assert_eq!(auto(EngineFacts { api: "1.39".into(), ..docker() }), GpuPath::NvidiaRuntime);
        assert_eq!(auto(EngineFacts { devices: cdi.clone(), ..docker() }), GpuPath::Cdi);
        let both = EngineFacts { devices: cdi, runtimes: vec!["nvidia".into()], ..docker() };
        assert_eq!(auto(both), GpuPath::DeviceRequests);
        let podman = |version: &str| EngineFacts { podman: true, version: version.into(), ..docker() };
        assert_eq!(auto(podman("4.3.1")), GpuPath::Cdi);
        assert_eq!(
            ["4.3.1", "5.4.0-rc1", "6.0.0", "odd"].map(|v| supports_gpu_requests(&podman(v))),
            [false, true, true, true]
        );
        assert_eq!(GpuPath::NvidiaRuntime.resolve(&podman("5.4.0")), GpuPath::NvidiaRuntime);
    }

    #[test]
    fn each_way_has_its_request() {
        let ask = |gpus: Gpus, path| {
            let (mut host, mut environment) = (HostConfig::default(), Vec::new());
            add_request(&mut host, &mut environment, &gpus, path, &docker());
            (host.runtime, host.device_requests.unwrap_or_default(), environment.join(" "))
        };
        let two = || Gpus::Some(vec!["0".into(), "GPU-1f".into()]);
        let (_, requests, environment) = ask(two(), GpuPath::Auto);
        assert_eq!(requests[0].device_ids, Some(vec!["0".to_owned(), "GPU-1f".to_owned()]));
        assert_eq!((requests[0].count, environment.as_str()), (None, "NVIDIA_DRIVER_CAPABILITIES=compute,utility"));
        assert_eq!(ask(Gpus::All, GpuPath::Auto).1[0].count, Some(-1));
        let (runtime, requests, environment) = ask(two(), GpuPath::NvidiaRuntime);
        assert!(runtime.as_deref() == Some("nvidia") && requests.is_empty());
        assert!(environment.ends_with(" NVIDIA_VISIBLE_DEVICES=0,GPU-1f"), "{environment}");
        let (_, requests, _) = ask(two(), GpuPath::Cdi);
        assert_eq!(requests[0].driver.as_deref(), Some("cdi"));
        assert_eq!(
            requests[0].device_ids,
            Some(vec!["nvidia.com/gpu=0".to_owned(), "nvidia.com/gpu=GPU-1f".to_owned()])
        );
        for none in [Gpus::None, Gpus::Some(Vec::new())] {
            assert_eq!(ask(none, GpuPath::Auto), (None, Vec::new(), "NVIDIA_VISIBLE_DEVICES=void".to_owned()));
        }
    }

    #[test]
    fn errors_about_gpus_are_recognized() {
        for error in [
            "could not select device driver \"\" with capabilities: [[gpu]]",
            "could not select device driver \"cdi\" with capabilities: []",
            "Unknown runtime specified nvidia",
            "unknown or invalid runtime name: nvidia",
            "setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=all",
            "OCI runtime create failed: nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: \
             cannot open shared object file: no such file or directory: unknown",
            "stat nvidia.com/gpu=all: no such file or directory",
            "failed to discover GPU vendor from CDI: no known GPU vendor found: could not select device driver \"\"",
        ] {
            assert!(is_gpu_error(error), "{error}");
        }
        for other in
            ["Unknown runtime specified crun", "exec: \"nvidia-smi\": executable file not found in $PATH: unknown"]
        {
            assert!(!is_gpu_error(other), "{other}");
        }
    }
}
