//! Collects the facts about the machine and the libraries that may change the last bits of a result.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tch::Device;

use crate::libtorch;
use base::files;
use base::host::HostFacts;

/// Returns threads, device and versions, as part of a run's identity.
pub fn machine_facts(device: Device) -> BTreeMap<String, Value> {
    let threads = usize::try_from(tch::get_num_threads()).unwrap_or(0);
    let facts = HostFacts::computing(&device_name(device), threads, libtorch::versions());
    let mut machine: BTreeMap<String, Value> =
        facts.versions.into_iter().map(|(name, version)| (name, version.into())).collect();
    machine.insert("threads".into(), facts.threads.into());
    machine.insert("device".into(), facts.device.into());
    machine.insert("program".into(), facts.program.into());
    machine.insert("commit".into(), facts.commit.into());
    machine
}

/// Returns the name of a device, with its hardware if that affects how results are rounded.
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(index) => gpu_model(Path::new("/proc/driver/nvidia/gpus"))
            .map_or_else(|| format!("cuda:{index}"), |model| format!("cuda ({model})")),
        _ => "cpu".to_owned(),
    }
}

/// Returns the model of this machine's GPUs, as the driver reports it; `None` if there is none or they differ.
fn gpu_model(folder: &Path) -> Option<String> {
    let mut models: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|gpu| files::read_text(&gpu.ok()?.path().join("information"), 1 << 16).ok())
        .filter_map(|text| Some(text.lines().find_map(|line| line.strip_prefix("Model:"))?.trim().to_owned()))
        .collect();
    models.dedup();
    models.pop().filter(|_| models.is_empty())
}
