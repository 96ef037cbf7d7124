//! Everything that can go wrong with an engine, an image or a container, typed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ended::Ended;
use super::facts::Facts;
use super::gpu::GpuPath;
use super::hindrance::sentence;
use base::cause::{self, PullReason};
use base::format::{human_bytes, human_seconds};
use base::signals::SignalError;

/// Which patience ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// The time for the whole run.
    Total,
    /// The time without a line of output.
    Silence,
}

/// Why no engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// The address is of no kind that is understood.
    BadAddress,
    /// There is no socket where the address says.
    NoSocket,
    /// The socket is there, but this user may not use it.
    NoPermission,
    /// The socket is there, but nobody listens.
    NotRunning,
    /// Something else, such as an answer that is not an engine's.
    Other,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// No engine answers.
    EngineUnreachable {
        /// The address that was tried.
        host: String,
        /// Why not.
        reason: Unreachable,
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
    /// An image did not come from its registry.
    ImagePull {
        /// As it was asked for.
        image: String,
        /// The kind of the reason.
        reason: PullReason,
        /// What the engine said, or what is wrong with the name.
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
    /// A folder or file to be mounted is here, but the engine does not see it.
    MountUnseen {
        /// Where it is.
        source: PathBuf,
        /// The engine's address.
        host: String,
    },
    /// The container's user could not read or write a folder or file to be mounted.
    MountUnusable {
        /// Where it is.
        source: PathBuf,
        /// Why not.
        why: String,
    },
    /// The output cannot be kept.
    LogUnwritable {
        /// Where it should be.
        path: PathBuf,
        /// What the file system said.
        why: String,
    },
    /// The image has no such program.
    CommandNotFound {
        /// The program.
        command: String,
    },
    /// There is such a file in the image, but it cannot be run.
    NotExecutable {
        /// The file.
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
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What went wrong.
    pub cause: Box<Cause>,
    /// What was run, such as `extract valid, part 2`; empty outside a run.
    pub task: String,
    /// The last lines of the container's output.
    pub last_lines: Vec<String>,
    /// The whole output, if it is kept.
    pub log: Option<PathBuf>,
    /// What it used until then; none where nothing was started.
    pub used: Option<Box<Ended>>,
    /// Name of its container, where that could not be removed.
    pub remains: Option<String>,
}

impl Failure {
    /// Returns it with what was run, and the file that holds its output.
    pub(super) fn of(self, task: &str, log: Option<&Path>) -> Self {
        Self { task: task.to_owned(), log: log.map(Path::to_owned), ..self }
    }
}

impl From<SignalError> for Failure {
    fn from(refused: SignalError) -> Self {
        match refused {
            SignalError::Stopping(signal) => Cause::Interrupted { signal }.into(),
            SignalError::NoHandler(why) => Cause::Engine { doing: "be watched for Ctrl-C".into(), why }.into(),
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
            remains: None,
        }
    }
}

impl Cause {
    /// No GPU on this way on this engine.
    pub(super) fn no_gpu(why: String, path: GpuPath, facts: &Facts) -> Self {
        Self::NoGpu { path: path.on(facts), why, mend: path.mend(facts) }
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
            Self::TimedOut { patience, after } => {
                Recorded::TimedOut { seconds: after.as_secs(), silent: *patience == Patience::Silence }
            }
            Self::Killed { signal } => Recorded::ContainerKilled { signal: *signal },
            Self::NoGpu { .. } => Recorded::NoGpu,
            Self::DiskFull { .. } => Recorded::DiskFull,
            Self::Interrupted { signal } => Recorded::Interrupted { signal: Some(*signal) },
            Self::Stopped => Recorded::ContainerStopped,
            Self::Engine { doing, .. } => Recorded::EngineRefused { doing: doing.clone() },
        }
    }

    /// Whether the same may work when it is tried again with nothing changed. What somebody asked for is not tried again.
    pub fn may_be_spurious(&self) -> bool {
        !matches!(self, Self::Interrupted { .. }) && self.recorded().may_be_spurious()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EngineUnreachable { host, why, .. } => write!(f, "no container engine answers at {host}: {why}"),
            Self::EngineLost { why } => write!(f, "the container engine went away: {why}"),
            Self::EngineTooOld { found, needed } => {
                write!(f, "the container engine is too old: API {found}, needed is {needed}")
            }
            Self::ImageMissing { image } => write!(f, "there is no image {image} here"),
            Self::ImageChanged { image, expected, found } => {
                write!(f, "image {image} is not the pinned one: expected {expected}, found {found}")
            }
            Self::ImagePull { image, reason, why } => write!(f, "{}: {why}", sentence(*reason, image)),
            Self::BuildFailed { image, why } => write!(f, "image {image} could not be built: {why}"),
            Self::MountMissing { source } => write!(f, "{} is to be mounted but does not exist", source.display()),
            Self::MountUnseen { source, host } => {
                write!(f, "{} is here, but not where the engine at {host} looks for it", source.display())
            }
            Self::MountUnusable { source, why } => write!(f, "{} cannot be mounted: {why}", source.display()),
            Self::LogUnwritable { path, why } => write!(f, "the log {} cannot be written: {why}", path.display()),
            Self::CommandNotFound { command } => write!(f, "the image has no program {command}"),
            Self::NotExecutable { command } => write!(f, "{command} in the image cannot be run as a program"),
            Self::Exit { code } => match crash(*code) {
                Some(crash) => write!(f, "it crashed with exit code {code} ({crash})"),
                None => write!(f, "it ended with exit code {code}"),
            },
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

/// What a shell's exit code says of a signal that means a crash.
fn crash(code: i64) -> Option<&'static str> {
    Some(match code {
        132 => "illegal instruction: the program wants another processor",
        134 => "it gave up by itself: abort",
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
