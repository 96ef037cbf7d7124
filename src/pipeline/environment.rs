//! Where a run takes place.

use std::collections::BTreeMap;
use std::path::Path;

use base::files;
use judge::report::Environment;

/// What this machine and program are. `versions` are those of what the program stands on (libtorch, tch); the git commit is
/// that of the variable `REPRO_GIT_COMMIT` when the program was built.
pub fn gather(versions: &BTreeMap<String, String>, threads: usize, seeds: &[u64]) -> Environment {
    let read = |path: &str| files::read_text(Path::new(path), 1 << 20).unwrap_or_default();
    let system = field(&read("/etc/os-release"), "PRETTY_NAME", '=').unwrap_or_else(|| std::env::consts::OS.to_owned());
    let kernel = read("/proc/sys/kernel/osrelease");
    Environment {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        commit: base::versions::commit().map(str::to_owned),
        versions: versions.clone(),
        os: format!("{system}, {} {}", std::env::consts::OS, kernel.trim()),
        cpu: field(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        memory: field(&read("/proc/meminfo"), "MemTotal", ':')
            .and_then(|text| text.trim_end_matches("kB").trim().parse::<u64>().ok())
            .and_then(|kib| kib.checked_mul(1024)),
        threads,
        image: None,
        seeds: seeds.to_vec(),
    }
}

/// Value of the first line `NAME SEPARATOR VALUE`, without quotes.
pub(crate) fn field(text: &str, name: &str, separator: char) -> Option<String> {
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
        let here = gather(&BTreeMap::new(), 2, &[9595]);
        assert!(here.cpus > 0 && !here.os.is_empty() && here.seeds == [9595]);
    }
}
