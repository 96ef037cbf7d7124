//! Facts of the host: operating system, processor, memory.

use std::path::Path;

use crate::files;

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Distribution, system and kernel.
    pub os: String,
    /// The processor's name, or its architecture where the system tells none.
    pub cpu: String,
    /// Processors that this process may use.
    pub cpus: usize,
    /// Bytes of memory, where the system tells it.
    pub memory: Option<u64>,
}

impl Host {
    /// Returns the facts of this machine.
    pub fn here() -> Self {
        let read = |path: &str| files::read_text(Path::new(path), 1 << 20).unwrap_or_default();
        let system =
            field(&read("/etc/os-release"), "PRETTY_NAME", '=').unwrap_or_else(|| std::env::consts::OS.to_owned());
        let kernel = read("/proc/sys/kernel/osrelease");
        Self {
            os: format!("{system}, {} {}", std::env::consts::OS, kernel.trim()),
            cpu: field(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory: field(&read("/proc/meminfo"), "MemTotal", ':')
                .and_then(|text| text.trim_end_matches("kB").trim().parse::<u64>().ok())
                .and_then(|kib| kib.checked_mul(1024)),
        }
    }
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
        let here = Host::here();
        assert!(here.cpus > 0 && !here.os.is_empty());
    }
}
