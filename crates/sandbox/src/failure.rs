//! Typed failures of engines, images and containers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::facts::EngineFacts;
use super::gpu::GpuPath;
use super::pull_reason::sentence;
use super::usage::ResourceUsage;
use base::cause::{self, PullReason};
use base::format::{human_bytes, human_seconds};
use base::signals::SignalError;

/// A time limit that a run exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// The limit on the whole run.
    Total,
    /// The limit on the time without a line of output.
    Silence,
}

/// Why no engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// The kind of address is not supported.
    BadAddress,
    /// The socket at the address does not exist.
    NoSocket,
    /// The socket exists, but this user has no permission to use it.
    NoPermission,
    /// The socket exists, but no process listens on it.
    NotRunning,
    /// Another reason, such as an answer that does not come from an engine.
    Other,
}

/// Cause of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// No engine answers.
    EngineUnreachable {
        /// The address.
        host: String,
        /// Kind of the reason.
        reason: Unreachable,
        /// Error of the connection.
        why: String,
    },
    /// The connection to the engine broke.
    EngineLost {
        /// Error of the connection.
        why: String,
    },
    /// The engine is too old.
    EngineTooOld {
        /// Its API version.
        found: String,
        /// The oldest supported API version.
        needed: String,
    },
    /// The image is not on this machine.
    ImageMissing {
        /// Its requested name.
        image: String,
    },
    /// The image is not the pinned one.
    ImageChanged {
        /// Its name.
        image: String,
        /// The pinned digest or id.
        expected: String,
        /// The digest or id on this machine.
        found: String,
    },
    /// An image could not be pulled from its registry.
    ImagePull {
        /// Its requested name.
        image: String,
        /// Kind of the reason.
        reason: PullReason,
        /// Error of the engine, or what is wrong with the name.
        why: String,
    },
    /// An image could not be built.
    BuildFailed {
        /// Its intended name.
        image: String,
        /// The failed step and the error of the engine.
        why: String,
    },
    /// A folder or file to mount does not exist.
    MountMissing {
        /// Its path.
        source: PathBuf,
    },
    /// A folder or file to mount exists on this machine, but the engine does not see it.
    MountUnseen {
        /// Its path.
        source: PathBuf,
        /// The engine's address.
        host: String,
    },
    /// The container's user could not read or write a folder or file to mount.
    MountUnusable {
        /// Its path.
        source: PathBuf,
        /// Why not.
        why: String,
    },
    /// The log of the output cannot be written.
    LogUnwritable {
        /// Its path.
        path: PathBuf,
        /// Error of the file system.
        why: String,
    },
    /// The image has no such program.
    CommandNotFound {
        /// The program.
        command: String,
    },
    /// The image has such a file, but it is not executable.
    NotExecutable {
        /// The file.
        command: String,
    },
    /// The command ended with an exit code other than 0.
    Exit {
        /// The code.
        code: i64,
    },
    /// The kernel killed the command because memory ran out.
    OutOfMemory {
        /// The limit in bytes; `None` if the machine itself ran out of memory.
        limit: Option<u64>,
    },
    /// The command took too long.
    TimedOut {
        /// The limit that was exceeded.
        limit: TimeLimit,
        /// Its length.
        after: Duration,
    },
    /// Something outside the container killed the command.
    Killed {
        /// The signal, such as 9.
        signal: i64,
    },
    /// The container gets no GPU from the engine.
    NoGpu {
        /// How it was requested.
        path: GpuPath,
        /// Error of the engine, or of the probe in the container.
        why: String,
        /// How to make such requests work on this engine.
        fix: String,
    },
    /// The disk or a quota is full.
    DiskFull {
        /// What could not be written.
        why: String,
    },
    /// A user or the system asked this program to stop.
    Interrupted {
        /// The signal, such as 2.
        signal: i32,
    },
    /// This program stopped the container itself ([`StopToken`](super::StopToken)).
    Stopped,
    /// The engine refused for a reason that has no kind of its own.
    Engine {
        /// The refused action.
        doing: String,
        /// Its error.
        why: String,
    },
}

/// A failure with the last output of the container.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The cause.
    pub cause: Box<Cause>,
    /// Description of the run, such as `extract valid, part 2`; empty outside a run.
    pub task: String,
    /// The last lines of the container's output.
    pub last_lines: Vec<String>,
    /// File with the full output, if it is kept.
    pub log: Option<PathBuf>,
    /// Time and memory used until the failure; `None` if nothing was started.
    pub used: Option<Box<ResourceUsage>>,
    /// Name of the container if it could not be removed.
    pub unremoved: Option<String>,
}

impl Failure {
    /// Adds the description of the run and the file with its output.
    pub(super) fn with_task(self, task: &str, log: Option<&Path>) -> Self {
        Self { task: task.to_owned(), log: log.map(Path::to_owned), ..self }
    }
}

impl From<SignalError> for Failure {
    fn from(refused: SignalError) -> Self {
        match refused {
            SignalError::Stopping(signal) => Cause::Interrupted { signal }.into(),
            SignalError::NoHandler(why) => {
                Cause::Engine { doing: "be used without a signal handler".into(), why }.into()
            }
        }
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self {
            cause: Box::new(cause),
            task: String::new(),
            last_lines: Vec::new(),
            log: None,
            used: None,
            unremoved: None,
        }
    }
}

impl Cause {
    /// Returns the cause for a container that gets no GPU, with advice for this engine.
    pub(super) fn no_gpu(why: String, path: GpuPath, facts: &EngineFacts) -> Self {
        Self::NoGpu { path: path.resolve(facts), why, fix: path.fix(facts) }
    }

    /// Returns the cause as reports record it.
    pub fn recorded(&self) -> cause::Cause {
        use cause::Cause as Recorded;
        match self {
            Self::EngineUnreachable { .. } => Recorded::EngineUnreachable,
            Self::EngineLost { .. } => Recorded::EngineLost,
            Self::EngineTooOld { found, needed } => {
                Recorded::EngineRefused { doing: format!("speak API {needed}: it speaks {found}") }
            }
            Self::ImageMissing { image } => Recorded::ImageMissing { image: image.clone() },
            Self::ImageChanged { image, expected, found } => {
                Recorded::ImageChanged { image: image.clone(), expected: expected.clone(), found: found.clone() }
            }
            Self::ImagePull { image, reason, .. } => Recorded::ImagePull { image: image.clone(), reason: *reason },
            Self::BuildFailed { image, .. } => Recorded::ImageBuild { image: image.clone() },
            Self::MountMissing { source: path }
            | Self::MountUnseen { source: path, .. }
            | Self::MountUnusable { source: path, .. }
            | Self::LogUnwritable { path, .. } => Recorded::Mount { path: path.clone() },
            Self::CommandNotFound { command } | Self::NotExecutable { command } => {
                Recorded::CommandNotFound { command: command.clone() }
            }
            Self::Exit { code } => Recorded::ContainerExit { code: *code },
            Self::OutOfMemory { limit } => Recorded::OutOfMemory { limit: *limit },
            Self::TimedOut { limit, after } => {
                Recorded::TimedOut { seconds: after.as_secs(), silent: *limit == TimeLimit::Silence }
            }
            Self::Killed { signal } => Recorded::ContainerKilled { signal: *signal },
            Self::NoGpu { .. } => Recorded::NoGpu,
            Self::DiskFull { .. } => Recorded::DiskFull,
            Self::Interrupted { signal } => Recorded::Interrupted { signal: Some(*signal) },
            Self::Stopped => Recorded::ContainerStopped,
            Self::Engine { doing, .. } => Recorded::EngineRefused { doing: doing.clone() },
        }
    }

    /// Returns whether a retry may succeed with nothing changed. A requested stop is not retried.
    pub fn may_be_spurious(&self) -> bool {
        !matches!(self, Self::Interrupted { .. }) && self.recorded().may_be_spurious()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EngineUnreachable { host, why, .. } => write!(f, "no container engine answers at {host}: {why}"),
            Self::EngineLost { why } => write!(f, "lost the connection to the container engine: {why}"),
            Self::EngineTooOld { found, needed } => {
                write!(f, "the container engine is too old: it speaks API {found}, {needed} or newer is required")
            }
            Self::ImageMissing { image } => write!(f, "image {image} is not on this machine"),
            Self::ImageChanged { image, expected, found } => {
                write!(f, "image {image} is not the pinned one: expected {expected}, found {found}")
            }
            Self::ImagePull { image, reason, why } => write!(f, "{}: {why}", sentence(*reason, image)),
            Self::BuildFailed { image, why } => write!(f, "image {image} could not be built: {why}"),
            Self::MountMissing { source } => write!(f, "cannot mount {}: it does not exist", source.display()),
            Self::MountUnseen { source, host } => {
                write!(f, "cannot mount {}: the engine at {host} does not see it", source.display())
            }
            Self::MountUnusable { source, why } => write!(f, "cannot mount {}: {why}", source.display()),
            Self::LogUnwritable { path, why } => write!(f, "cannot write the log {}: {why}", path.display()),
            Self::CommandNotFound { command } => write!(f, "the image has no program {command}"),
            Self::NotExecutable { command } => write!(f, "{command} in the image is not executable"),
            Self::Exit { code } => match crash(*code) {
                Some(crash) => write!(f, "the command crashed with exit code {code} ({crash})"),
                None => write!(f, "the command ended with exit code {code}"),
            },
            Self::OutOfMemory { limit: Some(limit) } => {
                write!(f, "the command exceeded its memory limit of {}", human_bytes(*limit))
            }
            Self::OutOfMemory { limit: None } => {
                write!(f, "the kernel killed the command because the machine ran out of memory")
            }
            Self::TimedOut { limit: TimeLimit::Total, after } => {
                write!(f, "stopped after its time limit of {}", human_seconds(after.as_secs_f64()))
            }
            Self::TimedOut { limit: TimeLimit::Silence, after } => {
                write!(f, "stopped after {} without output", human_seconds(after.as_secs_f64()))
            }
            Self::Killed { signal } => write!(f, "the command was killed from outside (signal {signal})"),
            Self::NoGpu { path, why, .. } => {
                write!(f, "the container gets no GPU (requested by {}): {why}", path.description())
            }
            Self::DiskFull { why } => write!(f, "no room left on the disk: {why}"),
            Self::Interrupted { signal } => write!(f, "stopped on request (signal {signal})"),
            Self::Stopped => write!(f, "stopped because another part failed"),
            Self::Engine { doing, why } => write!(f, "the container engine could not {doing}: {why}"),
        }
    }
}

/// Describes a crash by the exit code that a shell gives its signal; `None` if the code means no crash.
fn crash(code: i64) -> Option<&'static str> {
    Some(match code {
        132 => "illegal instruction: the program was built for another processor",
        134 => "abort: the program ended itself",
        135 => "bus error: /dev/shm or another folder in memory may be full",
        136 => "division by zero",
        139 => "segmentation fault",
        _ => return None,
    })
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
