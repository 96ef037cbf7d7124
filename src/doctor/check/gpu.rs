//! Checks of GPUs and of everything that containers need to use them.

use super::cuda::{CUDA, CUDA_DRIVER, install_driver};
use super::words::gpus;
use crate::doctor::finding::{Finding, Purpose};
use crate::doctor::machine::{EngineState, GpuProbe, ListedGpu, Machine, WorkerState};
use crate::extract::caffe::gpus::NEWEST;
use base::format::human_bytes;
use sandbox::GpuPath;
use sandbox::gpu::supports_gpu_requests;

const INSTALL_TOOLKIT: &str =
    "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html";

pub(super) fn driver(machine: &Machine) -> Finding {
    let (gpu, system) = (&machine.gpu, &machine.system);
    let stops = &[Purpose::Extract];
    // Where the worker sees a GPU, nothing hinders training.
    let trains = match &machine.worker {
        WorkerState::Fits(torch) if torch.gpus > 0 => &[],
        _ => super::purposes::COMPUTING,
    };
    let Some(version) = &gpu.driver else {
        if gpu.devices == 0 {
            let advice = "training uses the CPU. Feature extraction in the original's image needs an NVIDIA GPU (--backend caffe-cpu \
                          does a few images without); the published features need none:";
            return Finding::problem("driver", "this machine has no NVIDIA GPU", stops, advice)
                .hindering(trains)
                .run(["repro fetch --task vqa --dry-run"]);
        }
        let found = format!("{} by NVIDIA, but no driver", gpus(gpu.devices));
        let advice = format!(
            "training uses the CPU until NVIDIA's driver is installed, {CUDA_DRIVER} or newer for CUDA {CUDA}; then reboot:"
        );
        return Finding::problem("driver", found, stops, advice).hindering(trains).run(install_driver(system));
    };
    match &gpu.listed {
        Some(Ok(listed)) if !listed.is_empty() => {
            let names: Vec<&str> = listed.iter().map(|ListedGpu { name, .. }| name.as_str()).collect();
            Finding::fine(
                "driver",
                format!("{version}; nvidia-smi lists {}: {}", gpus(listed.len()), counted(&names).join(", ")),
            )
        }
        Some(Ok(_)) => {
            let advice = "the driver is loaded but finds no GPU; the kernel's messages say why:";
            Finding::problem("driver", format!("{version}; nvidia-smi lists none"), stops, advice)
                .hindering(trains)
                .run([system.sudo("dmesg | grep -i nvrm")])
        }
        Some(Err(why)) => {
            let advice = "reboot if the driver was updated; otherwise install it again";
            Finding::problem("driver", format!("{version}; nvidia-smi fails: {why}"), stops, advice).hindering(trains)
        }
        None => {
            let advice = "the driver is loaded but its programs are missing: install the package that has nvidia-smi";
            Finding::problem("driver", format!("{version}; no nvidia-smi"), stops, advice)
        }
    }
}

/// Returns each different name, with its count if there are several: `8 × NVIDIA H200`.
fn counted(names: &[&str]) -> Vec<String> {
    let mut different: Vec<(&str, usize)> = Vec::new();
    for name in names {
        match different.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count += 1,
            None => different.push((name, 1)),
        }
    }
    let text = |(name, count): (&str, usize)| if count == 1 { name.to_owned() } else { format!("{count} × {name}") };
    different.into_iter().map(text).collect()
}

pub(super) fn toolkit(machine: &Machine) -> Finding {
    let name = "toolkit";
    let (gpu, system) = (&machine.gpu, &machine.system);
    let EngineState::Answers { facts, .. } = &machine.engine else {
        return Finding::untried(name, "no engine answers");
    };
    if gpu.driver.is_none() {
        return Finding::untried(name, "not checked: there is no driver");
    }
    let registered = facts.runtimes.iter().any(|runtime| runtime == "nvidia");
    let hook = system.has("nvidia-container-runtime-hook");
    let described = !gpu.cdi.is_empty() || !facts.devices.is_empty();
    let mut parts = Vec::new();
    parts.extend(system.has("nvidia-ctk").then(|| "nvidia-ctk".to_owned()));
    parts.extend(registered.then(|| "runtime nvidia".to_owned()));
    parts.extend(hook.then(|| "hook".to_owned()));
    parts.extend(gpu.cdi.first().map(|file| format!("CDI in {}", file.display())));
    let found = if parts.is_empty() { "not installed".to_owned() } else { parts.join(", ") };
    let path = GpuPath::Auto.resolve(facts);
    let good = match path {
        GpuPath::Cdi => described && supports_gpu_requests(facts),
        GpuPath::NvidiaRuntime => registered,
        GpuPath::Auto | GpuPath::DeviceRequests => hook || registered,
    };
    if good {
        return Finding::fine(name, format!("{found}; used by {}", path.description()));
    }
    let mut commands = Vec::new();
    let mut advice = format!("containers get no GPU from the engine (by {})", path.description());
    if !system.has("nvidia-ctk") {
        advice += &format!("; its packages are NVIDIA's: {INSTALL_TOOLKIT}");
        commands.extend(system.install("nvidia-container-toolkit", "nvidia-container-toolkit"));
    }
    if !supports_gpu_requests(facts) {
        advice += &format!("; Podman {} ignores requests through its socket, 5.4 does not", facts.version);
    }
    commands.extend(match path {
        GpuPath::Cdi if described => Vec::new(),
        GpuPath::Cdi => vec![system.sudo("nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml")],
        _ if facts.rootless => vec![
            "nvidia-ctk runtime configure --runtime=docker --config=$HOME/.config/docker/daemon.json".to_owned(),
            system.sudo("nvidia-ctk config --set nvidia-container-cli.no-cgroups --in-place"),
            "systemctl --user restart docker".to_owned(),
        ],
        _ => {
            vec![system.sudo("nvidia-ctk runtime configure --runtime=docker"), system.sudo("systemctl restart docker")]
        }
    });
    Finding::problem(name, found, &[Purpose::Extract], advice).run(commands)
}

pub(super) fn in_a_container(machine: &Machine) -> Finding {
    let name = "in a container";
    match &machine.gpu.probe {
        GpuProbe::Untried(why) => Finding::untried(name, *why),
        GpuProbe::Failed(why) => Finding::problem(name, why, &[Purpose::Extract], "fix the problems above first"),
        GpuProbe::Found(found) => {
            let words = found.iter().map(|gpu| {
                let capability =
                    gpu.compute_capability.map_or_else(String::new, |(a, b)| format!(", capability {a}.{b}"));
                let memory = gpu.memory.map_or_else(String::new, |bytes| format!(", {}", human_bytes(bytes)));
                format!("{} {}{capability}{memory}", gpu.index, gpu.name)
            });
            let words = words.collect::<Vec<String>>().join("; ");
            let usable = |gpu: &&sandbox::Gpu| gpu.is_at_most(NEWEST) != Some(false);
            if found.iter().any(|gpu| usable(&gpu)) {
                return Finding::fine(name, words);
            }
            let advice = "the original's Caffe was built for CUDA 9.2 at most and does not run on a GPU of capability 8.0 or \
                          newer; an older one (Pascal, Volta), or the published features:";
            Finding::problem(name, words, &[Purpose::Extract], advice).run(["repro fetch --task vqa --dry-run"])
        }
    }
}
