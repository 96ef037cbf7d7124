//! Samples the memory of a container while it runs: after its end the kernel's record is gone.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;

/// First interval between samples; short, so that short runs are sampled too.
const FIRST_INTERVAL: Duration = Duration::from_millis(2);
/// Longest interval between samples; growth between the last sample and the end is missed.
const LONGEST_INTERVAL: Duration = Duration::from_millis(40);

/// Samples of a container's memory.
#[derive(Debug, Default)]
pub(super) struct MemoryMeter {
    /// Peak in bytes; 0 before the first sample.
    peak: AtomicU64,
    out_of_memory: AtomicBool,
}

impl MemoryMeter {
    /// Returns the peak in bytes; `None` without samples.
    pub(crate) fn peak(&self) -> Option<u64> {
        Some(self.peak.load(Relaxed)).filter(|peak| *peak > 0)
    }

    /// Returns whether the kernel killed a process because memory ran out.
    pub(crate) fn out_of_memory(&self) -> bool {
        self.out_of_memory.load(Relaxed)
    }

    fn record(&self, bytes: u64) {
        self.peak.fetch_max(bytes, Relaxed);
    }

    /// Samples a running container until it ends: the kernel's own record if the engine is on this machine, otherwise the
    /// engine's statistics, about once a second.
    pub(crate) async fn sample(&self, docker: &Docker, container: &str) {
        if let Some(files) = CgroupFiles::find(docker, container).await {
            let mut pause = FIRST_INTERVAL;
            while files.read(self) {
                tokio::time::sleep(pause).await;
                pause = LONGEST_INTERVAL.min(pause + pause / 8);
            }
            return;
        }
        let options = StatsOptionsBuilder::default().stream(true).build();
        let mut stats = std::pin::pin!(docker.stats(container, Some(options)));
        while let Some(Ok(stats)) = stats.next().await {
            if let Some(memory) = stats.memory_stats {
                self.record(memory.max_usage.or(memory.usage).unwrap_or(0));
            }
        }
    }
}

/// The kernel's files about a container's memory.
#[derive(Debug)]
struct CgroupFiles {
    /// Peak use, or the current use if the kernel does not record the peak (cgroup v2 before Linux 5.19).
    used: PathBuf,
    /// Events, with the number of killed processes in a line `oom_kill N`.
    events: PathBuf,
}

impl CgroupFiles {
    /// Finds the files of a running container; `None` if its processes are not visible on this machine.
    async fn find(docker: &Docker, container: &str) -> Option<Self> {
        let found = docker.inspect_container(container, None).await.ok()?;
        let (id, pid) = (found.id?, found.state?.pid.filter(|pid| *pid > 0)?);
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        Self::parse(&groups, &id).filter(|files| files.used.exists())
    }

    /// Finds the files from the content of `/proc/PID/cgroup` (cgroups(7)). `None` if it does not name the container: the pid
    /// of a remote engine is another process on this machine.
    fn parse(groups: &str, id: &str) -> Option<Self> {
        let path = |line: &str, controller: &str| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            let ours = controllers.split(',').any(|one| one == controller) && path.contains(id);
            ours.then(|| path.trim_start_matches('/').to_owned())
        };
        let find = |controller: &str| groups.lines().find_map(|line| path(line, controller));
        if let Some(path) = find("memory") {
            let folder = PathBuf::from("/sys/fs/cgroup/memory").join(path);
            let (used, events) = (folder.join("memory.max_usage_in_bytes"), folder.join("memory.oom_control"));
            return Some(Self { used, events });
        }
        let folder = PathBuf::from("/sys/fs/cgroup").join(find("")?);
        let peak = folder.join("memory.peak");
        let used = if peak.exists() { peak } else { folder.join("memory.current") };
        Some(Self { used, events: folder.join("memory.events") })
    }

    /// Takes a sample; returns whether the container still exists.
    fn read(&self, meter: &MemoryMeter) -> bool {
        let used = fs::read_to_string(&self.used).ok().and_then(|text| text.trim().parse().ok());
        let events = fs::read_to_string(&self.events).unwrap_or_default();
        let killed = events.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count.trim() != "0");
        if killed {
            meter.out_of_memory.store(true, Relaxed);
        }
        meter.record(used.unwrap_or(0));
        used.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_group_of_a_container_is_found() {
        let used = |groups: &str| CgroupFiles::parse(groups, "abc").map(|files| files.used);
        let one = "9:name=systemd:/docker/abc\n4:cpu,memory:/docker/abc\n0::/\n";
        assert_eq!(used(one).unwrap().to_str(), Some("/sys/fs/cgroup/memory/docker/abc/memory.max_usage_in_bytes"));
        let two = "0::/system.slice/docker-abc.scope\n";
        assert_eq!(used(two).unwrap().to_str(), Some("/sys/fs/cgroup/system.slice/docker-abc.scope/memory.current"));
        for other in ["", "0::/user.slice", "4:memory:/docker/other\n", "nonsense"] {
            assert_eq!(used(other), None, "{other}");
        }
    }

    #[test]
    fn the_peak_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let files = CgroupFiles { used: folder.path().join("used"), events: folder.path().join("events") };
        let meter = MemoryMeter::default();
        assert!(!files.read(&meter) && meter.peak().is_none());
        for (used, events) in [("700\n", "low 0\noom_kill 0\n"), ("500\n", "oom_kill 1\n"), ("500\n", "")] {
            fs::write(&files.used, used).unwrap();
            fs::write(&files.events, events).unwrap();
            assert!(files.read(&meter));
        }
        assert_eq!((meter.peak(), meter.out_of_memory()), (Some(700), true));
    }
}
