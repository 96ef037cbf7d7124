//! Collects the facts about GPUs, on this machine and from inside a container.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::system_files::{program, text};
use crate::doctor::machine::{GpuParts, GpuProbe, ImageState, RoleImage, System};
use crate::images::Role;
use base::error::Error;
use base::files::read_text;
use sandbox::{Engine as Connection, GpuPath, Gpus};

/// NVIDIA's vendor id on the PCI bus.
const NVIDIA: &str = "0x10de";
/// Prefix of the PCI classes of display controllers and 3D accelerators.
const DISPLAY_CLASS: &str = "0x03";
/// Default folders of CDI files, if the engine names none.
const CDI_FOLDERS: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];
/// Size limit of CDI files; for many GPUs they reach some hundred kB.
const LARGEST_CDI: u64 = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// Collects the facts. A container is tried if an engine answers, an image exists and the machine has a driver.
pub(super) fn parts(
    system: &System,
    connection: Option<&Connection>,
    images: &[RoleImage],
    asked: Option<&str>,
) -> GpuParts {
    let driver = driver(&text("/proc/driver/nvidia/version"));
    GpuParts {
        devices: devices(),
        listed: system.has("nvidia-smi").then(listed),
        cdi: described(connection),
        probe: match connection {
            None => GpuProbe::Untried("no engine answers"),
            Some(connection) => {
                let is_here = |image: &&RoleImage| matches!(image.state, ImageState::Pinned | ImageState::Unpinned);
                let mut own = images.iter().filter(is_here).collect::<Vec<&RoleImage>>();
                own.sort_by_key(|image| image.role != Role::Extractor);
                match asked.or(own.first().map(|image| image.name.as_str())) {
                    _ if driver.is_none() && asked.is_none() => GpuProbe::Untried("not checked: there is no driver"),
                    None => GpuProbe::Untried("not checked: none of the program's images exists"),
                    Some(name) => probe(connection, name),
                }
            }
        },
        driver,
    }
}

fn probe(connection: &Connection, image: &str) -> GpuProbe {
    let found = connection
        .image(image)
        .and_then(|image| connection.probe_gpus(&image, &Gpus::All, GpuPath::Auto))
        .map_err(Error::from);
    match found {
        Ok(found) => GpuProbe::Found(found),
        Err(error) => GpuProbe::Failed(error.what().to_owned()),
    }
}

/// Parses the version of the driver from `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 …`. The open
/// kernel modules have a different name.
fn driver(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("NVRM version"))?;
    let is_version = |word: &&str| word.contains('.') && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    line.split_whitespace().find(is_version).map(str::to_owned)
}

fn devices() -> usize {
    let entries = std::fs::read_dir("/sys/bus/pci/devices").into_iter().flatten().flatten();
    let is = |folder: &Path| {
        let start = |name: &str| read_text(&folder.join(name), 64).unwrap_or_default();
        start("vendor").trim() == NVIDIA && start("class").starts_with(DISPLAY_CLASS)
    };
    entries.filter(|entry| is(&entry.path())).count()
}

/// Returns the number of GPUs that nvidia-smi lists, or its error.
fn listed() -> Result<usize, String> {
    let path = program("nvidia-smi").unwrap_or_else(|| PathBuf::from("nvidia-smi"));
    let mut command = Command::new(path);
    command.args(["--query-gpu=index", "--format=csv,noheader"]).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    let end = Instant::now() + PATIENCE;
    // A broken driver can make it hang. Its output fits into a pipe.
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("no answer within {} s", PATIENCE.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        Ok(said.lines().filter(|line| line.trim().parse::<u32>().is_ok()).count())
    } else {
        Err(said.lines().next().unwrap_or("no output").trim().to_owned())
    }
}

/// Finds the CDI files that describe NVIDIA's GPUs.
fn described(connection: Option<&Connection>) -> Vec<PathBuf> {
    let named = connection.map(|connection| connection.facts().cdi_folders.clone()).unwrap_or_default();
    let folders = if named.is_empty() { CDI_FOLDERS.map(str::to_owned).to_vec() } else { named };
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut files: Vec<PathBuf> = files
        .map(|entry| entry.path())
        .filter(|path| read_text(path, LARGEST_CDI).is_ok_and(|text| text.contains("nvidia.com/gpu")))
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_driver_is_parsed() {
        let closed = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version: 12.2.0\n";
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\n";
        assert_eq!(
            [closed, open, "", "NVRM version: none"].map(|text| driver(text).unwrap_or_default()),
            ["535.183.01", "580.95.05", "", ""]
        );
    }
}
