//! Collects the facts about GPUs, on this machine and from inside a container.

use std::path::{Path, PathBuf};

use super::system_files::text;
use crate::doctor::machine::{GpuParts, GpuProbe, ImageState, RoleImage};
use crate::images::Role;
use crate::nvidia_smi;
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

/// Where the facts of this machine are looked for.
pub(super) struct GpuSources<'a> {
    /// Folder that holds `proc` and `sys`: `/`.
    pub root: &'a Path,
    /// The program nvidia-smi, if it is installed.
    pub smi: Option<&'a Path>,
    /// Value of `CUDA_VISIBLE_DEVICES`.
    pub visible: Option<String>,
}

/// Collects the facts. A container is tried if an engine answers, an image exists and the machine has a driver.
pub(super) fn parts(
    sources: GpuSources,
    connection: Option<&Connection>,
    images: &[RoleImage],
    asked: Option<&str>,
) -> GpuParts {
    let listed = sources.smi.map(nvidia_smi::gpus);
    // Where the kernel does not report it, as in WSL, nvidia-smi does.
    let reported = || {
        let gpu = listed.as_ref()?.as_ref().ok()?.first()?;
        Some(gpu.driver.clone().unwrap_or_else(|| "of unknown version".to_owned()))
    };
    let driver = driver(&text(sources.root.join("proc/driver/nvidia/version"))).or_else(reported);
    GpuParts {
        devices: devices(&sources.root.join("sys/bus/pci/devices")),
        listed,
        visible: sources.visible,
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

fn devices(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is = |folder: &Path| {
        let start = |name: &str| read_text(&folder.join(name), 64).unwrap_or_default();
        start("vendor").trim() == NVIDIA && start("class").starts_with(DISPLAY_CLASS)
    };
    entries.filter(|entry| is(&entry.path())).count()
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
    use crate::nvidia_smi::ListedGpu;

    #[test]
    fn the_version_of_the_driver_is_parsed() {
        let closed = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version: 12.2.0\n";
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\n";
        assert_eq!(
            [closed, open, "", "NVRM version: none"].map(|text| driver(text).unwrap_or_default()),
            ["535.183.01", "580.95.05", "", ""]
        );
    }

    /// A machine as the kernel and nvidia-smi report it: devices of the PCI bus by vendor and class, and a stand-in program.
    fn gathered(devices: &[(&str, &str)], driver: Option<&str>, smi: Option<&str>) -> GpuParts {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        for (index, (vendor, class)) in devices.iter().enumerate() {
            let folder = root.join(format!("sys/bus/pci/devices/0000:0{index}:00.0"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("vendor"), format!("{vendor}\n")).unwrap();
            std::fs::write(folder.join("class"), format!("{class}\n")).unwrap();
        }
        if let Some(version) = driver {
            std::fs::create_dir_all(root.join("proc/driver/nvidia")).unwrap();
            let text = format!("NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Sun May 12 2024\n");
            std::fs::write(root.join("proc/driver/nvidia/version"), text).unwrap();
        }
        let program = smi.map(|script| {
            engines::private::write_script(&root.join("nvidia-smi"), script);
            root.join("nvidia-smi")
        });
        parts(GpuSources { root, smi: program.as_deref(), visible: None }, None, &[], None)
    }

    #[test]
    fn devices_the_driver_and_the_listed_gpus_are_found() {
        const NVIDIA_GPU: (&str, &str) = (NVIDIA, "0x030200");
        let none = gathered(&[("0x8086", "0x030000"), (NVIDIA, "0x040300")], None, None);
        assert_eq!((none.devices, none.driver, none.listed), (0, None, None));
        let bare = gathered(&[NVIDIA_GPU, (NVIDIA, "0x030000")], None, None);
        assert_eq!((bare.devices, bare.driver), (2, None));
        let asked = r#"case "$*" in "--query-gpu=index,driver_version,compute_cap,name --format=csv,noheader") ;; *) exit 9 ;; esac"#;
        let lines = "echo '0, 580.65.06, 6.1, TITAN Xp'; echo '1, [N/A], [N/A], odd, with a comma'; echo 'rubbish'";
        let titan = gathered(&[NVIDIA_GPU], Some("535.183.01"), Some(&format!("{asked}\n{lines}")));
        assert_eq!(titan.driver.as_deref(), Some("535.183.01"), "the kernel knows it best");
        let gpu = |index, name: &str, driver: Option<&str>, capability| ListedGpu {
            index,
            name: name.to_owned(),
            driver: driver.map(str::to_owned),
            capability,
        };
        let known = gpu(0, "TITAN Xp", Some("580.65.06"), Some((6, 1)));
        assert_eq!(titan.listed, Some(Ok(vec![known, gpu(1, "odd, with a comma", None, None)])));
        let subsystem = gathered(&[], None, Some("echo '0, 580.65.06, 9.0, NVIDIA H200'"));
        assert_eq!(subsystem.driver.as_deref(), Some("580.65.06"));
        let nothing_known = gathered(&[], None, Some("echo '0, [N/A], [N/A], [Unknown]'"));
        assert_eq!(nothing_known.driver.as_deref(), Some("of unknown version"));
        let failed = gathered(&[NVIDIA_GPU], Some("535.183.01"), Some("echo 'No devices were found'; exit 6"));
        assert_eq!(failed.listed, Some(Err("No devices were found".to_owned())));
    }
}
