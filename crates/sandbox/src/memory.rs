//! How much memory a container used, watched while it runs: after its end nobody knows any more.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;

/// Between two looks at the start, when much happens; a short run is seen, too.
const FIRST_LOOKS: Duration = Duration::from_millis(2);
/// Later on: what came between the last look and the end is missed.
const LATER_LOOKS: Duration = Duration::from_millis(40);

/// What was seen of a container's memory.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// 0 where nothing was seen.
    peak: AtomicU64,
    out_of_memory: AtomicBool,
}

impl Meter {
    /// Most memory in use at a time, in bytes.
    pub(crate) fn peak(&self) -> Option<u64> {
        Some(self.peak.load(Relaxed)).filter(|peak| *peak > 0)
    }

    /// Whether the kernel was seen to end a process for want of memory.
    pub(crate) fn out_of_memory(&self) -> bool {
        self.out_of_memory.load(Relaxed)
    }

    fn see(&self, bytes: u64) {
        self.peak.fetch_max(bytes, Relaxed);
    }

    /// Watches a running container until it ends. The kernel's own record is read where it is at hand (the engine is on
    /// this machine); else the engine is asked, which tells about once a second.
    pub(crate) async fn watch(&self, docker: &Docker, container: &str) {
        if let Some(files) = Files::of(docker, container).await {
            let mut pause = FIRST_LOOKS;
            while files.read(self) {
                tokio::time::sleep(pause).await;
                pause = LATER_LOOKS.min(pause + pause / 8);
            }
            return;
        }
        let options = StatsOptionsBuilder::default().stream(true).build();
        let mut stats = std::pin::pin!(docker.stats(container, Some(options)));
        while let Some(Ok(stats)) = stats.next().await {
            if let Some(memory) = stats.memory_stats {
                self.see(memory.max_usage.or(memory.usage).unwrap_or(0));
            }
        }
    }
}

/// The kernel's files about a container's memory.
#[derive(Debug)]
struct Files {
    /// The highest use so far, or where the kernel does not record it (cgroup v2 before Linux 5.19), the present one.
    used: PathBuf,
    /// Counts the processes that were ended for want of memory, in a line `oom_kill N`.
    events: PathBuf,
}

impl Files {
    /// Of a running container, if its processes are ours to see.
    async fn of(docker: &Docker, container: &str) -> Option<Self> {
        let found = docker.inspect_container(container, None).await.ok()?;
        let (id, pid) = (found.id?, found.state?.pid.filter(|pid| *pid > 0)?);
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        Self::named(&groups, &id).filter(|files| files.used.exists())
    }

    /// From `/proc/PID/cgroup` (cgroups(7)). It must name the container: on an engine elsewhere the number is another
    /// process's here.
    fn named(groups: &str, id: &str) -> Option<Self> {
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

    /// Takes a look; whether the container is still there.
    fn read(&self, meter: &Meter) -> bool {
        let used = fs::read_to_string(&self.used).ok().and_then(|text| text.trim().parse().ok());
        let events = fs::read_to_string(&self.events).unwrap_or_default();
        let killed = events.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count.trim() != "0");
        if killed {
            meter.out_of_memory.store(true, Relaxed);
        }
        meter.see(used.unwrap_or(0));
        used.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_containers_group() {
        let used = |groups: &str| Files::named(groups, "abc").map(|files| files.used);
        let one = "9:name=systemd:/docker/abc\n4:cpu,memory:/docker/abc\n0::/\n";
        assert_eq!(used(one).unwrap().to_str(), Some("/sys/fs/cgroup/memory/docker/abc/memory.max_usage_in_bytes"));
        let two = "0::/system.slice/docker-abc.scope\n";
        assert_eq!(used(two).unwrap().to_str(), Some("/sys/fs/cgroup/system.slice/docker-abc.scope/memory.current"));
        for other in ["", "0::/user.slice", "4:memory:/docker/other\n", "nonsense"] {
            assert_eq!(used(other), None, "{other}");
        }
    }

    #[test]
    fn remembers_the_most() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files { used: folder.path().join("used"), events: folder.path().join("events") };
        let meter = Meter::default();
        assert!(!files.read(&meter) && meter.peak().is_none());
        for (used, events) in [("700\n", "low 0\noom_kill 0\n"), ("500\n", "oom_kill 1\n"), ("500\n", "")] {
            fs::write(&files.used, used).unwrap();
            fs::write(&files.events, events).unwrap();
            assert!(files.read(&meter));
        }
        assert_eq!((meter.peak(), meter.out_of_memory()), (Some(700), true));
    }
}
