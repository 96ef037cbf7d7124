//! Converts a failure into the error that the user reads, with its kind and the next step.

use super::failure::{Cause, Failure, Unreachable};
use super::pull_reason::{advice, kind};
use base::error::{Error, Kind};

/// Maximum number of lines of output that an error shows.
const SHOWN_LINES: usize = 12;

impl Cause {
    /// Returns the next step for the user; empty if only the output can tell.
    fn advice(&self) -> String {
        let text = match self {
            Self::EngineUnreachable { reason, .. } => return reason.advice().to_owned(),
            Self::EngineLost { .. } => "read the engine's log, restart the engine, then run this command again",
            Self::EngineTooOld { .. } => "install Docker 20.10 or newer, or Podman 4 or newer",
            Self::ImageMissing { .. } => "run `repro images pull` or `repro images build`",
            Self::ImageChanged { .. } => {
                "nothing was run; inspect the new image, and if you want it, run `repro images pin`"
            }
            Self::ImagePull { image, reason, why } => return advice(*reason, image, why),
            Self::MountMissing { .. } => "create it, or choose another folder",
            Self::MountUnseen { .. } => {
                "set DOCKER_HOST to an engine on this machine that sees the same files under the same paths"
            }
            Self::MountUnusable { .. } => "give the container access to it, or choose another folder",
            Self::LogUnwritable { .. } => "make this folder writable, or choose another one",
            Self::OutOfMemory { limit: Some(_) } => "raise the memory limit",
            Self::OutOfMemory { limit: None } => "free memory on this machine",
            Self::Killed { .. } => {
                "run this again; if no user killed it, check with dmesg whether the machine ran out of memory"
            }
            Self::NoGpu { fix, .. } => return format!("{fix}; `repro doctor` checks each step"),
            Self::DiskFull { why } if why.to_lowercase().contains("quota") => {
                "raise the quota or remove files that count towards it (`docker system df` shows the engine's), then run this \
                 again"
            }
            Self::DiskFull { .. } => {
                "free some space (`docker system df` shows the engine's files), then run this again"
            }
            _ => "",
        };
        text.to_owned()
    }
}

impl Unreachable {
    fn advice(self) -> &'static str {
        match self {
            Self::BadAddress => {
                "set DOCKER_HOST to unix:///PATH/OF/SOCKET, or tcp://HOST:PORT of an engine on this machine"
            }
            Self::NoSocket => {
                "set DOCKER_HOST if the engine has another address; otherwise start Docker (systemctl start docker) or \
                 Podman's socket (systemctl --user start podman.socket); `repro doctor` shows details"
            }
            Self::NoPermission => {
                "join the group that may use it (sudo usermod -aG docker $USER, then log in again), or run this with sudo"
            }
            Self::NotRunning => {
                "start the engine: systemctl start docker, or systemctl --user start podman.socket; `repro doctor` shows \
                 details"
            }
            Self::Other => "check that a container engine answers at this address; `repro doctor` shows details",
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let text = failure.to_string();
        let mut error = match &*failure.cause {
            Cause::MountMissing { .. } => Self::data(text),
            Cause::ImageChanged { .. } => Self::checksum(text),
            Cause::ImagePull { reason, .. } => match kind(*reason) {
                Kind::Usage => Self::usage(text),
                Kind::Network => Self::network(text),
                _ => Self::infra(text),
            },
            Cause::DiskFull { .. } => Self::disk(text),
            Cause::Interrupted { .. } => Self::interrupted(text),
            _ => Self::infra(text),
        }
        .with_cause(failure.cause.recorded());
        let skipped = failure.last_lines.len().saturating_sub(SHOWN_LINES);
        for line in failure.last_lines.iter().skip(skipped) {
            error = error.because(format!("output: {line}"));
        }
        if let Some(container) = failure.unremoved {
            error = error.because(format!("container {container} could not be removed; the next run removes it"));
        }
        let advice = failure.cause.advice();
        match (advice.is_empty(), failure.log) {
            (false, None) => error.next(advice),
            (false, Some(log)) => error.next(format!("{advice}; the full output is in {}", log.display())),
            (true, Some(log)) => error.next(format!("read the full output in {}", log.display())),
            (true, None) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_becomes_one_clear_message() {
        let failure = Failure {
            cause: Box::new(Cause::OutOfMemory { limit: Some(2 << 30) }),
            task: "extract valid".into(),
            last_lines: (0..20).map(|i| format!("line {i}")).collect(),
            log: Some("/run/log".into()),
            used: None,
            unremoved: None,
        };
        let error = Error::from(failure);
        assert_eq!(error.kind(), Kind::Infra);
        assert_eq!(error.cause(), base::cause::Cause::OutOfMemory { limit: Some(2 << 30) });
        let text = error.to_string();
        assert!(text.starts_with("extract valid: the command exceeded its memory limit of 2.1 GB\n"), "{text}");
        assert!(!text.contains("line 7\n") && text.contains("output: line 8\n") && text.contains("line 19"), "{text}");
        assert!(text.ends_with("next: raise the memory limit; the full output is in /run/log"), "{text}");
        let disk = Failure::from(Cause::DiskFull { why: "x".into() });
        assert_eq!(Error::from(disk).kind(), Kind::Disk);
    }
}
