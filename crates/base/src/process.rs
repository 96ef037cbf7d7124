//! Identifies processes to other processes and finds out whether they are still alive: for file systems whose locks cannot be
//! relied on.

use std::fmt;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::{clock, files};

/// Identity of the process that owns a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Random; different for each claim.
    pub token: String,
    host: String,
    /// Changes with every boot; absent if the kernel does not say.
    boot: Option<String>,
    /// The namespace in which `pid` is valid.
    pid_namespace: Option<String>,
    pid: i32,
    /// Start of the process in ticks since boot: distinguishes it from a later process with the same number.
    start: Option<u64>,
    since: String,
}

/// What can be known about an owner without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It is running.
    Alive,
    /// It has ended.
    Dead,
    /// It is on another machine or in another namespace.
    Unknown,
}

impl Owner {
    /// Returns this process with a new token.
    pub fn here() -> Self {
        let pid = rustix::process::getpid();
        let token = format!("{:032x}", rand::random::<u128>());
        let pid_namespace = std::fs::read_link("/proc/self/ns/pid").ok();
        Self {
            token,
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            boot: line("/proc/sys/kernel/random/boot_id"),
            pid_namespace: pid_namespace.map(|link| link.to_string_lossy().into_owned()),
            pid: pid.as_raw_nonzero().get(),
            start: process(pid).map(|(start, _)| start),
            since: clock::now(),
        }
    }

    /// Parses the content of a claim; `None` if it is anything else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let owner: Self = serde_json::from_slice(bytes).ok()?;
        let proper = owner.token.len() == 32 && owner.token.bytes().all(|b| b.is_ascii_hexdigit());
        proper.then_some(owner)
    }

    /// Returns a short digest of the boot and the namespace in which the process number is valid.
    fn machine(&self) -> String {
        let place = format!("{:?} {:?}", self.boot, self.pid_namespace);
        files::sha256_bytes(place.as_bytes()).split_at(12).0.to_owned()
    }

    /// Returns whether the process is alive, as far as this process can know.
    pub fn liveness(&self) -> Liveness {
        let here = Self::here();
        let near = self.boot.is_some()
            && self.boot == here.boot
            && self.pid_namespace.is_some()
            && self.pid_namespace == here.pid_namespace;
        let Some(pid) = Pid::from_raw(self.pid).filter(|pid| near && pid.as_raw_nonzero().get() > 0) else {
            return Liveness::Unknown;
        };
        if test_kill_process(pid) == Err(Errno::SRCH) {
            return Liveness::Dead;
        }
        // /proc may hide other users' processes: they count as alive.
        match (process(pid), self.start) {
            (Some((_, 'Z' | 'X')), _) => Liveness::Dead,
            (Some((now, _)), Some(then)) if now != then => Liveness::Dead,
            _ => Liveness::Alive,
        }
    }
}

/// Returns this process as a part of a file name: `MACHINE-PID-START`. [`mark_liveness`] reads it.
pub fn mark() -> String {
    let here = Owner::here();
    format!("{}-{}-{}", here.machine(), here.pid, here.start.unwrap_or(0))
}

/// Returns whether the process of a [`mark`] is alive; `Unknown` if the text is no mark.
pub fn mark_liveness(mark: &str) -> Liveness {
    let here = Owner::here();
    let mut parts = mark.split('-');
    match (parts.next(), parts.next().map(str::parse), parts.next().map(str::parse)) {
        (Some(machine), Some(Ok(pid)), Some(Ok(start))) if machine == here.machine() => {
            Owner { pid, start: Some(start).filter(|start| *start > 0), ..here }.liveness()
        }
        _ => Liveness::Unknown,
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {} (since {})", self.pid, self.host, self.since)
    }
}

/// Reads the start in ticks since boot and the state from `/proc/PID/stat` (proc_pid_stat(5), fields 22 and 3; field 2 may hold
/// anything in its brackets).
fn process(pid: Pid) -> Option<(u64, char)> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.nth(18)?.parse().ok()?, state))
}

fn line(path: impl AsRef<Path>) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[doc(hidden)]
impl Owner {
    /// Returns the same owner as if it ran on another machine.
    pub fn elsewhere(mut self) -> Self {
        self.boot = Some("another".into());
        self.host = "elsewhere".into();
        self
    }

    /// Returns the same owner as if it had ended and a later process had its number.
    pub fn ended(mut self) -> Self {
        self.start = self.start.map(|start| start + 1);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_tell_the_living_from_the_dead() {
        let mine = mark();
        assert_eq!(mark_liveness(&mine), Liveness::Alive);
        let (rest, start) = mine.rsplit_once('-').unwrap();
        let start: u64 = start.parse().unwrap();
        assert_eq!(mark_liveness(&format!("{rest}-{}-suffix", start + 1)), Liveness::Dead);
        for other in ["", "a", "a-b-c", "0123456789ab-1-1", "0123456789ab--1-1"] {
            assert_eq!(mark_liveness(other), Liveness::Unknown, "{other}");
        }
    }
}
