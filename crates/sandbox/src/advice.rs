//! What a person reads when a run failed, and what can be done about it.

use super::failure::{Cause, Failure, Unreachable};
use super::hindrance::{advice, kind};
use base::error::{Error, Kind};

/// Lines of a container's output that an error shows.
const SHOWN_LINES: usize = 12;

impl Cause {
    /// What the person can do; empty where the last lines of the output must say it.
    fn advice(&self) -> String {
        let text = match self {
            Self::EngineUnreachable { reason, .. } => return reason.advice().to_owned(),
            Self::EngineLost { .. } => "see the engine's own log, start it again, then run this again",
            Self::EngineTooOld { .. } => "install Docker 20.10 or newer, or Podman 4 or newer",
            Self::ImageMissing { .. } => "`repro images pull` or `repro images build` brings it",
            Self::ImageChanged { .. } => {
                "nothing was run; if the new image is wanted, pin it with `repro images pin` after looking at it"
            }
            Self::ImagePull { image, reason, why } => return advice(*reason, image, why),
            Self::MountMissing { .. } => "create it, or name another folder",
            Self::MountUnseen { .. } => {
                "use an engine on this machine (DOCKER_HOST), one that sees the same files under the same names"
            }
            Self::MountUnusable { .. } => "give the container access to it, or name another folder",
            Self::LogUnwritable { .. } => "make room for the log there, or name another folder",
            Self::OutOfMemory { limit: Some(_) } => "give it more memory",
            Self::OutOfMemory { limit: None } => "free memory on this machine",
            Self::Killed { .. } => {
                "run this again; if nobody ended it, see whether the machine ran out of memory (dmesg)"
            }
            Self::NoGpu { mend, .. } => return format!("{mend}; `repro doctor` checks each part of the way"),
            Self::DiskFull { why } if why.to_lowercase().contains("quota") => {
                "raise the quota or remove what counts towards it (docker system df shows what the engine holds), then run this again"
            }
            Self::DiskFull { .. } => {
                "free some space (docker system df shows what the engine holds), then run this again"
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
                "set DOCKER_HOST to the engine's address if it is another; else start Docker (systemctl start docker) or \
                 Podman's socket (systemctl --user start podman.socket); `repro doctor` says more"
            }
            Self::NoPermission => {
                "join the group that may use it (sudo usermod -aG docker $USER, then log in again), or run this with sudo"
            }
            Self::NotRunning => {
                "start the engine: systemctl start docker, or systemctl --user start podman.socket; `repro doctor` says more"
            }
            Self::Other => "see whether a container engine answers at this address; `repro doctor` says more",
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
            error = error.because(format!("it said: {line}"));
        }
        if let Some(container) = failure.remains {
            error = error.because(format!("its container {container} could not be removed; the next start does it"));
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

    #[test]
    fn becomes_one_clear_message() {
        let failure = Failure {
            cause: Box::new(Cause::OutOfMemory { limit: Some(2 << 30) }),
            task: "extract valid".into(),
            last_lines: (0..20).map(|i| format!("line {i}")).collect(),
            log: Some("/run/log".into()),
            used: None,
            remains: None,
        };
        let error = Error::from(failure);
        assert_eq!(error.kind(), Kind::Infra);
        assert_eq!(error.cause(), base::cause::Cause::OutOfMemory { limit: Some(2 << 30) });
        let text = error.to_string();
        assert!(text.starts_with("extract valid: it used more than the 2.1 GB of memory that it may\n"), "{text}");
        assert!(!text.contains("line 7\n") && text.contains("it said: line 8\n") && text.contains("line 19"), "{text}");
        assert!(text.ends_with("next: give it more memory; its whole output is in /run/log"), "{text}");
        let disk = Failure::from(Cause::DiskFull { why: "x".into() });
        assert_eq!(Error::from(disk).kind(), Kind::Disk);
    }
}
