//! Why work failed, as data: what reports and journals record, so that other programs need not read sentences. Kinds are
//! added and never change their meaning.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Why work failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Cause {
    /// The command line or a settings file asks for something impossible.
    Usage,
    /// An input file is damaged, incomplete or contradicts another one.
    Data,
    /// The machine stands in the way, for a reason of no other kind.
    Machine,
    /// No source of a file could be reached, or none gave it.
    Network,
    /// A file is not the one that it should be.
    Checksum,
    /// There is no room left on a disk, or a quota is used up.
    DiskFull,
    /// A person or the system asked the program to stop.
    Interrupted {
        /// The signal, if it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
    },
    /// The program itself is wrong.
    Bug,
    /// A signal ended the worker.
    WorkerSignal {
        /// Such as 9.
        signal: i32,
    },
    /// The worker ended without saying that it was done.
    WorkerExit {
        /// Its exit code.
        code: i32,
    },
    /// The worker did not say who it is in time.
    WorkerSilent {
        /// How long it was waited for.
        seconds: u64,
    },
    /// What should be a worker does not speak as one, or stopped speaking.
    WorkerProtocol,
    /// The worker was built from another source than the harness.
    WorkerStale,
    /// No container engine answers.
    EngineUnreachable,
    /// The engine answered, then went away.
    EngineLost,
    /// The engine refused, or is too old.
    EngineRefused {
        /// What it was asked to do.
        doing: String,
    },
    /// There is no such image on this machine.
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
        /// Why not.
        reason: PullReason,
    },
    /// An image could not be built.
    ImageBuild {
        /// The name that it was to have.
        image: String,
    },
    /// A file or folder cannot be mounted, or a log not be written.
    Mount {
        /// Where it is.
        path: PathBuf,
    },
    /// The image has no such program, or none that can be run.
    CommandNotFound {
        /// The program.
        command: String,
    },
    /// The command in a container ended with an exit code other than 0.
    ContainerExit {
        /// The code.
        code: i64,
    },
    /// Something outside ended the command in a container.
    ContainerKilled {
        /// The signal.
        signal: i64,
    },
    /// The harness had no use for the container any more, because another part had failed.
    ContainerStopped,
    /// The kernel ended it for want of memory.
    OutOfMemory {
        /// The limit in bytes; absent if the machine itself ran out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u64>,
    },
    /// It took too long.
    TimedOut {
        /// The limit.
        seconds: u64,
        /// Whether that was the time without output, and not the time in all.
        silent: bool,
    },
    /// A container gets no GPU.
    NoGpu,
    /// A kind that only a newer program knows.
    #[serde(other)]
    Unknown,
}

/// Why an image did not come from its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullReason {
    /// This is no image's name.
    BadName,
    /// The transfer failed.
    Failed,
    /// The registry has no such image, or does not give it.
    Refused,
    /// The engine no longer reads the image's format.
    OldFormat,
    /// The registry gives no more for a while.
    RateLimit,
    /// The engine does not accept the registry's certificate.
    Certificate,
    /// The engine does not reach the registry.
    Unreachable,
    /// The engine's user namespace has too few ids.
    UserNamespace,
    /// The engine could not store a layer.
    Storage,
}

impl Cause {
    /// Whether the same may work when it is tried again with nothing changed: something outside ended it or held it up, or a
    /// network or an engine may be back. Everything else would only fail again.
    pub fn may_be_spurious(&self) -> bool {
        match self {
            Self::Network
            | Self::Interrupted { .. }
            | Self::WorkerSilent { .. }
            | Self::EngineLost
            | Self::ContainerKilled { .. } => true,
            Self::WorkerSignal { signal } => {
                [libc::SIGKILL, libc::SIGTERM, libc::SIGHUP, libc::SIGINT].contains(signal)
            }
            Self::ImagePull { reason, .. } => {
                matches!(reason, PullReason::Failed | PullReason::Unreachable | PullReason::Storage)
            }
            Self::TimedOut { silent, .. } => *silent,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_cause_is_an_object_with_its_kind_and_newer_kinds_are_unknown() {
        let cause = Cause::OutOfMemory { limit: Some(7) };
        let value = serde_json::to_value(&cause).unwrap();
        assert_eq!(value, json!({ "kind": "out-of-memory", "limit": 7 }));
        assert_eq!(serde_json::from_value::<Cause>(value).unwrap(), cause);
        let newer = json!({ "kind": "melted", "degrees": 90 });
        assert_eq!(serde_json::from_value::<Cause>(newer).unwrap(), Cause::Unknown);
    }

    #[test]
    fn what_something_outside_did_may_not_happen_again() {
        let pull = |reason| Cause::ImagePull { image: "a".into(), reason };
        for (cause, spurious) in [
            (Cause::WorkerSignal { signal: 9 }, true),
            (Cause::WorkerSignal { signal: 11 }, false),
            (Cause::WorkerStale, false),
            (pull(PullReason::Unreachable), true),
            (pull(PullReason::RateLimit), false),
            (Cause::TimedOut { seconds: 1, silent: true }, true),
            (Cause::TimedOut { seconds: 1, silent: false }, false),
            (Kind::Network.into(), true),
            (Kind::Checksum.into(), false),
            (Kind::Disk.into(), false),
        ] {
            assert_eq!(cause.may_be_spurious(), spurious, "{cause:?}");
        }
    }
}
