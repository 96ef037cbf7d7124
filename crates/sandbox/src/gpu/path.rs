//! The ways to a GPU, and the choice between them.

use bollard::models::{DeviceRequest, HostConfig};
use serde::{Deserialize, Serialize};

use super::super::facts::Facts;
use super::super::gpu_choice::Gpus;

/// The oldest Docker API with device requests: 19.03's.
const DEVICE_REQUESTS_API: (u32, u32) = (1, 40);
/// The oldest Podman whose Docker-compatible socket heeds device requests, as those of CDI (its pull request 25171).
const HEEDING_PODMAN: (u32, u32) = (5, 4);
/// Kind of NVIDIA's devices in CDI; `nvidia-ctk cdi generate` writes it.
const CDI_KIND: &str = "nvidia.com/gpu";

/// The way on which a container gets its GPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GpuPath {
    /// What fits the engine.
    #[default]
    Auto,
    /// Docker's own: `--gpus`, from 19.03.
    DeviceRequests,
    /// The runtime `nvidia`, told by environment variables.
    NvidiaRuntime,
    /// The Container Device Interface: Docker from 25, Podman from 5.4.
    Cdi,
}

impl GpuPath {
    /// The way itself; for [`Self::Auto`] the one that fits an engine.
    #[must_use]
    pub fn on(self, facts: &Facts) -> Self {
        let knows_runtime = facts.runtimes.iter().any(|runtime| runtime == "nvidia");
        let found_by_cdi = facts.devices.iter().any(|device| device.starts_with(CDI_KIND));
        match self {
            Self::Auto if facts.podman => Self::Cdi,
            Self::Auto if version(&facts.api).is_some_and(|api| api < DEVICE_REQUESTS_API) => Self::NvidiaRuntime,
            // The toolkit has registered nothing, but CDI descriptions are there.
            Self::Auto if found_by_cdi && !knows_runtime => Self::Cdi,
            Self::Auto => Self::DeviceRequests,
            chosen => chosen,
        }
    }

    /// In words, after `by`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Auto => "what fits the engine",
            Self::DeviceRequests => "device requests (--gpus)",
            Self::NvidiaRuntime => "runtime nvidia",
            Self::Cdi => "CDI",
        }
    }

    /// What makes this way work on an engine.
    pub fn mend(self, facts: &Facts) -> String {
        let describe = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml";
        match self.on(facts) {
            Self::Cdi if facts.podman && !heeds_requests(facts) => format!(
                "update Podman {} to 5.4 or newer: through its socket an older one ignores requests for a GPU; then `{describe}`",
                facts.version
            ),
            Self::Cdi if facts.podman => format!("install nvidia-container-toolkit, then `{describe}`"),
            Self::Cdi => format!(
                "Docker 28.2 or newer (or 25 with \"features\": {{\"cdi\": true}} in /etc/docker/daemon.json) and `{describe}`"
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

/// Whether requests for GPUs are heeded at all; Podman's older sockets ignore them in silence.
pub fn heeds_requests(facts: &Facts) -> bool {
    !facts.podman || version(&facts.version).is_none_or(|version| version >= HEEDING_PODMAN)
}

/// Puts the request for GPUs into what the engine is asked for. Without GPUs the container is kept from those that a default
/// runtime would give it.
pub(crate) fn ask(host: &mut HostConfig, environment: &mut Vec<String>, gpus: &Gpus, path: GpuPath, facts: &Facts) {
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
    match path.on(facts) {
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
            // For Podmans that hand out GPUs by an OCI hook.
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

/// Whether an engine's refusal is about GPUs: of Docker 20.10 to 29, of Podman, and of NVIDIA's hook and runtime.
pub(crate) fn is_refusal(message: &str) -> bool {
    let runtime =
        message.contains("nvidia") && (message.contains("untime specified") || message.contains("untime name"));
    let texts =
        ["could not select device driver", "CDI device", "nvidia-container-", "nvidia.com/gpu", "driver: nvidia"];
    runtime || texts.iter().any(|text| message.contains(text))
}

/// Major and minor number.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docker() -> Facts {
        Facts {
            version: "20.10.24+dfsg1".into(),
            api: "1.41".into(),
            runtimes: vec!["runc".into()],
            ..Facts::default()
        }
    }

    #[test]
    fn the_way_fits_the_engine() {
        let auto = |facts: Facts| GpuPath::Auto.on(&facts);
        let cdi = vec!["nvidia.com/gpu=all".to_owned()];
        assert_eq!(auto(docker()), GpuPath::DeviceRequests);
        assert_eq!(auto(Facts { api: "1.39".into(), ..docker() }), GpuPath::NvidiaRuntime);
        assert_eq!(auto(Facts { devices: cdi.clone(), ..docker() }), GpuPath::Cdi);
        let both = Facts { devices: cdi, runtimes: vec!["nvidia".into()], ..docker() };
        assert_eq!(auto(both), GpuPath::DeviceRequests);
        let podman = |version: &str| Facts { podman: true, version: version.into(), ..docker() };
        assert_eq!(auto(podman("4.3.1")), GpuPath::Cdi);
        assert_eq!(
            ["4.3.1", "5.4.0-rc1", "6.0.0", "odd"].map(|v| heeds_requests(&podman(v))),
            [false, true, true, true]
        );
        assert_eq!(GpuPath::NvidiaRuntime.on(&podman("5.4.0")), GpuPath::NvidiaRuntime);
    }

    #[test]
    fn what_the_engine_is_asked_for() {
        let ask = |gpus: Gpus, path| {
            let (mut host, mut environment) = (HostConfig::default(), Vec::new());
            super::super::ask(&mut host, &mut environment, &gpus, path, &docker());
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
    fn refusals_as_engines_word_them() {
        for refusal in [
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
            assert!(is_refusal(refusal), "{refusal}");
        }
        for other in
            ["Unknown runtime specified crun", "exec: \"nvidia-smi\": executable file not found in $PATH: unknown"]
        {
            assert!(!is_refusal(other), "{other}");
        }
    }
}
