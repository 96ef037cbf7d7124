//! A process as others can recognise it, and whether it lives: what locks are for, where locks cannot be relied on.

use std::fmt;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::{clock, files};

/// A process as others can recognise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Random; different for each claim.
    pub token: String,
    host: String,
    /// Changes with every start of the kernel; absent where the kernel does not say.
    boot: Option<String>,
    /// Within which process numbers mean something.
    pid_namespace: Option<String>,
    pid: i32,
    /// Ticks since boot when the process started: tells it from a later one of the same number.
    start: Option<u64>,
    since: String,
}

/// What can be said of an owner without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It is at work.
    Lives,
    /// It has ended.
    Dead,
    /// It is on another machine or in another namespace.
    CannotSay,
}

impl Owner {
    /// This process, with a new token.
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

    /// Reads a claim's content; `None` for anything else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let owner: Self = serde_json::from_slice(bytes).ok()?;
        let proper = owner.token.len() == 32 && owner.token.bytes().all(|b| b.is_ascii_hexdigit());
        proper.then_some(owner)
    }

    /// Where its number means something, in few letters: this start of this kernel, and the namespace.
    fn machine(&self) -> String {
        let place = format!("{:?} {:?}", self.boot, self.pid_namespace);
        files::sha256_bytes(place.as_bytes()).split_at(12).0.to_owned()
    }

    /// Judges it from this process.
    pub fn life(&self) -> Life {
        let here = Self::here();
        let near = self.boot.is_some()
            && self.boot == here.boot
            && self.pid_namespace.is_some()
            && self.pid_namespace == here.pid_namespace;
        let Some(pid) = Pid::from_raw(self.pid).filter(|pid| near && pid.as_raw_nonzero().get() > 0) else {
            return Life::CannotSay;
        };
        if test_kill_process(pid) == Err(Errno::SRCH) {
            return Life::Dead;
        }
        // Other users' processes may be hidden from /proc: they live.
        match (process(pid), self.start) {
            (Some((_, 'Z' | 'X')), _) => Life::Dead,
            (Some((now, _)), Some(then)) if now != then => Life::Dead,
            _ => Life::Lives,
        }
    }
}

/// This process as a part of a file name: `MACHINE-PID-START`. [`life_of_mark`] reads it.
pub fn mark() -> String {
    let here = Owner::here();
    format!("{}-{}-{}", here.machine(), here.pid, here.start.unwrap_or(0))
}

/// Judges the process of a [`mark`], which may be anything.
pub fn life_of_mark(mark: &str) -> Life {
    let here = Owner::here();
    let mut parts = mark.split('-');
    match (parts.next(), parts.next().map(str::parse), parts.next().map(str::parse)) {
        (Some(machine), Some(Ok(pid)), Some(Ok(start))) if machine == here.machine() => {
            Owner { pid, start: Some(start).filter(|start| *start > 0), ..here }.life()
        }
        _ => Life::CannotSay,
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {} (since {})", self.pid, self.host, self.since)
    }
}

/// Start in ticks since boot, and state, from `/proc/PID/stat` (proc_pid_stat(5), fields 22 and 3; field 2 may hold anything in its brackets).
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
    /// As if from another machine.
    pub fn elsewhere(mut self) -> Self {
        self.boot = Some("another".into());
        self.host = "elsewhere".into();
        self
    }

    /// As if from a process that has ended: a later one has its number.
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
        assert_eq!(life_of_mark(&mine), Life::Lives);
        let (rest, start) = mine.rsplit_once('-').unwrap();
        let start: u64 = start.parse().unwrap();
        assert_eq!(life_of_mark(&format!("{rest}-{}-suffix", start + 1)), Life::Dead);
        for other in ["", "a", "a-b-c", "0123456789ab-1-1", "0123456789ab--1-1"] {
            assert_eq!(life_of_mark(other), Life::CannotSay, "{other}");
        }
    }
}
