//! Everything that can go wrong with an engine, an image or a container, typed.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::engine::Facts;
use super::gpu::GpuPath;
use crate::error::Error;
use crate::human::{human_bytes, human_seconds};

/// Lines of a container's output that an error shows.
const SHOWN_LINES: usize = 12;

/// Which patience ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// The time for the whole run.
    Total,
    /// The time without a line of output.
    Silence,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// No engine answers.
    EngineUnreachable {
        /// The address that was tried.
        host: String,
        /// What the connection said.
        why: String,
    },
    /// The engine answered, then went away.
    EngineLost {
        /// What the connection said.
        why: String,
    },
    /// The engine is older than the oldest that works.
    EngineTooOld {
        /// Its API version.
        found: String,
        /// The oldest that works.
        needed: String,
    },
    /// There is no such image here.
    ImageMissing {
        /// As it was asked for.
        image: String,
    },
    /// The image is not the pinned one.
    ImageChanged {
        /// Its name.
        image: String,
        /// The pin.
        expected: String,
        /// What is there.
        found: String,
    },
    /// An image could not be pulled.
    PullFailed {
        /// As it was asked for.
        image: String,
        /// What the engine said.
        why: String,
    },
    /// A registry has no such image, or does not give it.
    PullRefused {
        /// As it was asked for.
        image: String,
        /// What the registry said.
        why: String,
    },
    /// This is no image's name.
    BadImageName {
        /// As it was given.
        image: String,
        /// What is wrong with it.
        why: String,
    },
    /// An image could not be built.
    BuildFailed {
        /// The name that it was to have.
        image: String,
        /// The step and what the engine said.
        why: String,
    },
    /// A folder or file to be mounted does not exist.
    MountMissing {
        /// Where it should be.
        source: PathBuf,
    },
    /// The image has no such program.
    CommandNotFound {
        /// The program.
        command: String,
    },
    /// The command ended with an exit code other than 0.
    Exit {
        /// The code.
        code: i64,
    },
    /// The command used more memory than it may, and the kernel ended it.
    OutOfMemory {
        /// The limit in bytes; none where the machine itself ran out.
        limit: Option<u64>,
    },
    /// The command took too long.
    TimedOut {
        /// Which patience ended.
        patience: Patience,
        /// How long it was.
        after: Duration,
    },
    /// Something outside ended the command.
    Killed {
        /// The signal, such as 9.
        signal: i64,
    },
    /// The engine cannot give a container a GPU.
    NoGpu {
        /// The way on which it was asked for.
        path: GpuPath,
        /// What the engine said, or what the container did not find.
        why: String,
        /// What makes this way work on this engine.
        mend: String,
    },
    /// There is no room left on the disk.
    DiskFull {
        /// What could not be written.
        why: String,
    },
    /// A person or the system asked this program to stop.
    Interrupted {
        /// The signal, such as 2.
        signal: i32,
    },
    /// This program itself had no use for it any more ([`Stop`](super::Stop)).
    Stopped,
    /// The engine refused for another reason.
    Engine {
        /// What was being done.
        doing: String,
        /// What it said.
        why: String,
    },
}

/// A failure with the container's last words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub cause: Box<Cause>,
    /// What was run, such as `extract valid, part 2`; empty outside a run.
    pub task: String,
    /// The last lines of the container's output.
    pub last_lines: Vec<String>,
    /// The whole output, if it is kept.
    pub log: Option<PathBuf>,
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self { cause: Box::new(cause), task: String::new(), last_lines: Vec::new(), log: None }
    }
}

impl Cause {
    /// No GPU on this way on this engine.
    pub(super) fn no_gpu(why: String, path: GpuPath, facts: &Facts) -> Self {
        Self::NoGpu { path: path.on(facts), why, mend: path.mend(facts) }
    }

    /// Whether the same may work when it is tried again, with nothing changed.
    pub fn may_be_spurious(&self) -> bool {
        match self {
            Self::EngineLost { .. } | Self::PullFailed { .. } | Self::Killed { .. } => true,
            Self::TimedOut { patience, .. } => *patience == Patience::Silence,
            _ => false,
        }
    }

    /// What the person can do; empty where the last lines of the output must say it.
    fn advice(&self) -> String {
        let text = match self {
            Self::EngineUnreachable { .. } => {
                "start Docker (systemctl start docker) or Podman's socket (systemctl --user start podman.socket), or set \
                 DOCKER_HOST to its address; `repro doctor` says more"
            }
            Self::EngineLost { .. } => "see the engine's own log, start it again, then run this again",
            Self::EngineTooOld { .. } => "install Docker 20.10 or newer, or Podman 4 or newer",
            Self::ImageMissing { .. } => "`repro images pull` or `repro images build` brings it",
            Self::ImageChanged { .. } => {
                "nothing was run; if the new image is wanted, pin it with `repro images pin` after looking at it"
            }
            Self::PullFailed { .. } => "check the network and the image's name, then run this again",
            Self::PullRefused { .. } => {
                "check the name; where the registry wants a login: docker login, docker pull, then `repro images pin`"
            }
            Self::MountMissing { .. } => "create it, or name another folder",
            Self::OutOfMemory { limit: Some(_) } => "give it more memory",
            Self::OutOfMemory { limit: None } => "free memory on this machine",
            Self::NoGpu { mend, .. } => return format!("{mend}; `repro doctor` checks each part of the way"),
            Self::DiskFull { .. } => {
                "free some space (docker system df shows what the engine holds), then run this again"
            }
            _ => "",
        };
        text.to_owned()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EngineUnreachable { host, why } => write!(f, "no container engine answers at {host}: {why}"),
            Self::EngineLost { why } => write!(f, "the container engine went away: {why}"),
            Self::EngineTooOld { found, needed } => {
                write!(f, "the container engine is too old: API {found}, needed is {needed}")
            }
            Self::ImageMissing { image } => write!(f, "there is no image {image} here"),
            Self::ImageChanged { image, expected, found } => {
                write!(f, "image {image} is not the pinned one: expected {expected}, found {found}")
            }
            Self::PullFailed { image, why } => write!(f, "image {image} could not be pulled: {why}"),
            Self::PullRefused { image, why } => write!(f, "the registry does not give image {image}: {why}"),
            Self::BadImageName { image, why } => write!(f, "{image:?} is not the name of an image: {why}"),
            Self::BuildFailed { image, why } => write!(f, "image {image} could not be built: {why}"),
            Self::MountMissing { source } => write!(f, "{} is to be mounted but does not exist", source.display()),
            Self::CommandNotFound { command } => write!(f, "the image has no program {command}"),
            Self::Exit { code } => write!(f, "it ended with exit code {code}"),
            Self::OutOfMemory { limit: Some(limit) } => {
                write!(f, "it used more than the {} of memory that it may", human_bytes(*limit))
            }
            Self::OutOfMemory { limit: None } => write!(f, "it was ended because the machine ran out of memory"),
            Self::TimedOut { patience: Patience::Total, after } => {
                write!(f, "it was stopped after {}", human_seconds(after.as_secs_f64()))
            }
            Self::TimedOut { patience: Patience::Silence, after } => {
                write!(f, "it was stopped after {} without a word", human_seconds(after.as_secs_f64()))
            }
            Self::Killed { signal } => write!(f, "it was ended from outside (signal {signal})"),
            Self::NoGpu { path, why, .. } => write!(f, "no GPU in the container, asked for by {}: {why}", path.words()),
            Self::DiskFull { why } => write!(f, "no room left on the disk: {why}"),
            Self::Interrupted { signal } => write!(f, "stopped on request (signal {signal})"),
            Self::Stopped => write!(f, "it was stopped because another part failed"),
            Self::Engine { doing, why } => write!(f, "the container engine could not {doing}: {why}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.task.is_empty() {
            write!(f, "{}: ", self.task)?;
        }
        write!(f, "{}", self.cause)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let text = failure.to_string();
        let mut error = match &*failure.cause {
            Cause::MountMissing { .. } => Self::data(text),
            Cause::ImageChanged { .. } => Self::checksum(text),
            Cause::PullFailed { .. } | Cause::PullRefused { .. } => Self::network(text),
            Cause::BadImageName { .. } => Self::usage(text),
            Cause::DiskFull { .. } => Self::disk(text),
            Cause::Interrupted { .. } => Self::interrupted(text),
            _ => Self::infra(text),
        };
        let skipped = failure.last_lines.len().saturating_sub(SHOWN_LINES);
        for line in failure.last_lines.iter().skip(skipped) {
            error = error.because(format!("it said: {line}"));
        }
        let advice = failure.cause.advice();
        match (advice.is_empty(), failure.log) {
            (false, None) => error.next(advice),
            (false, Some(log)) => error.next(format!("{advice}; its whole output is in {}", log.display())),
            (true, Some(log)) => error.next(format!("read its whole output in {}", log.display())),
            (true, None) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn becomes_one_clear_message() {
        let failure = Failure {
            cause: Box::new(Cause::OutOfMemory { limit: Some(2 << 30) }),
            task: "extract valid".into(),
            last_lines: (0..20).map(|i| format!("line {i}")).collect(),
            log: Some("/run/log".into()),
        };
        let error = Error::from(failure);
        assert_eq!(error.kind(), Kind::Infra);
        let text = error.to_string();
        assert!(text.starts_with("extract valid: it used more than the 2.1 GB of memory that it may\n"), "{text}");
        assert!(!text.contains("line 7\n") && text.contains("it said: line 8\n") && text.contains("line 19"), "{text}");
        assert!(text.ends_with("next: give it more memory; its whole output is in /run/log"), "{text}");
        let disk = Failure::from(Cause::DiskFull { why: "x".into() });
        assert_eq!(Error::from(disk).kind(), Kind::Disk);
    }
}
