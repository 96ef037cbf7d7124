//! Facts about the host: the program, the machine, and what of it computes. They are gathered only here; each file format
//! decides which of them it records.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::{files, versions};

/// Where and with what a result is computed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Version of this program.
    pub program: String,
    /// Its git commit, if known at build time.
    pub commit: Option<String>,
    /// Distribution, system and kernel.
    pub os: String,
    /// Name of the processor; its architecture if the system gives no name.
    pub cpu: String,
    /// Processors that this process may use.
    pub cpus: usize,
    /// Bytes of memory, if known.
    pub memory: Option<u64>,
    /// What computes: `cpu`, or a GPU with its name; empty if nothing is computed.
    pub device: String,
    /// CPU threads that compute.
    pub threads: usize,
    /// Versions of the libraries that compute, by name.
    pub versions: BTreeMap<String, String>,
}

impl HostFacts {
    /// Returns the facts about this program and this machine, without a device.
    pub fn here() -> Self {
        let read = |path: &str| files::read_text(Path::new(path), 1 << 20).unwrap_or_default();
        let system =
            field(&read("/etc/os-release"), "PRETTY_NAME", '=').unwrap_or_else(|| std::env::consts::OS.to_owned());
        let kernel = read("/proc/sys/kernel/osrelease");
        Self {
            program: versions::PROGRAM.to_owned(),
            commit: versions::commit().map(str::to_owned),
            os: format!("{system}, {} {}", std::env::consts::OS, kernel.trim()),
            cpu: field(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cpus: cores(),
            memory: memory("MemTotal"),
            device: String::new(),
            threads: 0,
            versions: BTreeMap::new(),
        }
    }

    /// Returns [`here`](Self::here) with the device, threads and library versions that compute.
    pub fn computing(device: &str, threads: usize, versions: BTreeMap<String, String>) -> Self {
        Self { device: device.to_owned(), threads, versions, ..Self::here() }
    }
}

/// Returns the folder of what this user keeps between runs: `$REPRO_CACHE`, else `$XDG_CACHE_HOME/lxmert-repro`, else
/// `~/.cache/lxmert-repro`; `None` if no variable names a folder.
pub fn cache_folder() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let below = || named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")));
    named("REPRO_CACHE").or_else(|| Some(below()?.join("lxmert-repro")))
}

/// Returns how many processors this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Returns a value of `/proc/meminfo` in bytes, such as `MemAvailable`; `None` if the system has no such line.
pub fn memory(name: &str) -> Option<u64> {
    bytes("/proc/meminfo", name)
}

/// Returns the peak resident memory of this process in bytes (`VmHWM`); 0 if unknown. `getrusage` would also count what the
/// parent process held.
pub fn peak_memory() -> u64 {
    bytes("/proc/self/status", "VmHWM").unwrap_or(0)
}

/// Returns the bytes of a line `NAME: N kB` of a system file.
fn bytes(file: &str, name: &str) -> Option<u64> {
    let value = field(&files::read_text(Path::new(file), 1 << 20).ok()?, name, ':')?;
    value.trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Returns the value of the first line `NAME SEPARATOR VALUE`, without quotes.
pub fn field(text: &str, name: &str, separator: char) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_system_files() {
        let text = "ID=debian\nPRETTY_NAME=\"Debian 12\"\n";
        assert_eq!(field(text, "PRETTY_NAME", '='), Some("Debian 12".into()));
        assert_eq!(field("model name\t: A CPU @ 2.4\n", "model name", ':'), Some("A CPU @ 2.4".into()));
        assert_eq!(field(text, "NAME", '='), None);
        let here = HostFacts::here();
        assert!(here.cpus > 0 && !here.os.is_empty() && !here.program.is_empty());
        assert!(memory("MemAvailable").is_some_and(|available| Some(available) <= here.memory));
        assert!(peak_memory() > 1 << 20);
    }
}
