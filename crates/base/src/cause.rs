//! Causes of failures as data: reports and journals record them, so that programs need not parse messages. Kinds may be added
//! but never change their meaning.

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
    /// The machine cannot do it, for a reason that has no kind of its own.
    Machine,
    /// No source of a file could be reached, or none has it.
    Network,
    /// A file's checksum or size is not the expected one.
    Checksum,
    /// There is no room left on a disk, or a quota is used up.
    DiskFull,
    /// A signal or a user asked the program to stop.
    Interrupted {
        /// The signal, if it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
    },
    /// The program has a bug.
    Bug,
    /// A signal ended the worker.
    WorkerSignal {
        /// Number of the signal, such as 9.
        signal: i32,
    },
    /// The worker ended without reporting a result.
    WorkerExit {
        /// Its exit code.
        code: i32,
    },
    /// The worker did not send its handshake in time.
    WorkerSilent {
        /// How long the harness waited.
        seconds: u64,
    },
    /// The program does not speak the protocol of a worker, or stopped speaking it.
    WorkerProtocol,
    /// The worker was not built from the same source as the harness.
    WorkerStale,
    /// No container engine answers.
    EngineUnreachable,
    /// The connection to the engine broke.
    EngineLost,
    /// The engine refused, or is too old.
    EngineRefused {
        /// What it was asked to do.
        doing: String,
    },
    /// There is no such image on this machine.
    ImageMissing {
        /// Its requested name.
        image: String,
    },
    /// The image is not the pinned one.
    ImageChanged {
        /// Its name.
        image: String,
        /// The pinned digest.
        expected: String,
        /// The digest that was found.
        found: String,
    },
    /// An image could not be pulled.
    ImagePull {
        /// Its requested name.
        image: String,
        /// Why not.
        reason: PullReason,
    },
    /// An image could not be built.
    ImageBuild {
        /// Its intended name.
        image: String,
    },
    /// A file or folder cannot be mounted, or a log cannot be written.
    Mount {
        /// Where it is.
        path: PathBuf,
    },
    /// The image has no such program, or it is not executable.
    CommandNotFound {
        /// The program.
        command: String,
    },
    /// The command in a container returned an exit code other than 0.
    ContainerExit {
        /// The code.
        code: i64,
    },
    /// Something outside killed the command in a container.
    ContainerKilled {
        /// The signal.
        signal: i64,
    },
    /// The harness stopped the container because another part had failed.
    ContainerStopped,
    /// The kernel killed it because memory ran out.
    OutOfMemory {
        /// The limit in bytes; absent if the machine itself ran out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u64>,
    },
    /// It took too long.
    TimedOut {
        /// The limit.
        seconds: u64,
        /// Whether the limit is on the time without output rather than on the total time.
        silent: bool,
    },
    /// A container cannot get a GPU.
    NoGpu,
    /// A kind that a newer version of this program added.
    #[serde(other)]
    Unknown,
}

/// Why an image could not be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullReason {
    /// The name is not valid.
    BadName,
    /// The transfer failed.
    Failed,
    /// The registry has no such image, or denies access.
    Refused,
    /// The engine no longer reads the image's format.
    OldFormat,
    /// The registry's rate limit is reached.
    RateLimit,
    /// The engine does not accept the registry's certificate.
    Certificate,
    /// The engine cannot reach the registry.
    Unreachable,
    /// The engine's user namespace has too few ids.
    UserNamespace,
    /// The engine could not store a layer.
    Storage,
}

impl Cause {
    /// Returns whether a retry may succeed with nothing changed: something outside ended or delayed the work, or a network or
    /// an engine may be back. All other failures would only repeat.
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
