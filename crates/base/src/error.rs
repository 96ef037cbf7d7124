//! The error type for people: what is wrong, why, and what to do next.
//!
//! A module has a typed error of its own if callers must distinguish its cases; it converts into this one.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::sanitize;

/// The class of an error; it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The command line or a settings file asks for something impossible.
    Usage,
    /// An input file is damaged, incomplete or contradicts another one.
    Data,
    /// The machine cannot do it: no permission, no engine, no GPU.
    Infra,
    /// No source of a file could be reached, or none has it.
    Network,
    /// A file's checksum or size is not the expected one.
    Checksum,
    /// There is not enough room on the disk.
    Disk,
    /// A signal asked the program to stop.
    Interrupted,
    /// The program has a bug.
    Bug,
}

impl Kind {
    /// Returns the advice for an error whose place in the program knows nothing better.
    fn advice(self) -> &'static str {
        match self {
            Self::Usage => "see the command's --help for what it takes",
            Self::Data => {
                "make sure that this is the file you mean and that it is complete; repro verify checks fetched files"
            }
            Self::Infra => "run repro doctor, which checks this machine",
            Self::Network => "check the connection and run this again: what is complete is kept",
            Self::Checksum => "remove the file, or name another one, and run this again",
            Self::Disk => "free some space and run this again: what is complete is kept",
            Self::Interrupted => "run this again: what is complete is kept",
            Self::Bug => "report this with the command and what repro --version --verbose prints",
        }
    }
}

/// An error for people. It is shown as `error: WHAT`, a `caused by:` line for each cause, and `next: ADVICE`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Error {
    kind: Kind,
    what: String,
    causes: Vec<String>,
    next: Option<String>,
    /// The cause for programs, if more than the kind is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<Box<Cause>>,
}

/// A result with [`Error`] by default.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(kind: Kind, what: impl fmt::Display) -> Self {
        Self { kind, what: what.to_string(), causes: Vec::new(), next: None, cause: None }
    }

    /// Creates an error for a request that is impossible.
    pub fn usage(what: impl fmt::Display) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// Creates an error for a bad input file.
    pub fn data(what: impl fmt::Display) -> Self {
        Self::new(Kind::Data, what)
    }

    /// Creates an error for a machine that cannot do what is asked.
    pub fn infra(what: impl fmt::Display) -> Self {
        Self::new(Kind::Infra, what)
    }

    /// Creates an error for a file that no source could deliver.
    pub fn network(what: impl fmt::Display) -> Self {
        Self::new(Kind::Network, what)
    }

    /// Creates an error for an unexpected checksum or size.
    pub fn checksum(what: impl fmt::Display) -> Self {
        Self::new(Kind::Checksum, what)
    }

    /// Creates an error for a full disk.
    pub fn disk(what: impl fmt::Display) -> Self {
        Self::new(Kind::Disk, what)
    }

    /// Creates an error for work that was stopped on request.
    pub fn interrupted(what: impl fmt::Display) -> Self {
        Self::new(Kind::Interrupted, what)
    }

    /// Creates an error for a bug in this program.
    pub fn bug(what: impl fmt::Display) -> Self {
        Self::new(Kind::Bug, what)
    }

    /// Creates an error for a failed file operation; `doing` is a verb such as "read" or "create". A missing file is a data
    /// error, a full disk a disk error.
    pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                Kind::Data
            }
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge => {
                Kind::Disk
            }
            _ => Kind::Infra,
        };
        use std::io::ErrorKind;
        let next = match error.kind() {
            ErrorKind::NotFound => "check the path",
            ErrorKind::PermissionDenied => {
                "check who owns it and what its permissions are (ls -l), or choose another place"
            }
            ErrorKind::ReadOnlyFilesystem => "choose a place that can be written",
            ErrorKind::NotADirectory => "check the path: a part of it is a file, not a folder",
            ErrorKind::IsADirectory => "name a file: this is a folder",
            _ => kind.advice(),
        };
        Self::new(kind, format!("cannot {doing} {}", path.display())).because(error).next(next)
    }

    /// Adds a cause after the present ones.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Sets a new headline; the present one becomes the first cause.
    #[must_use]
    pub fn while_doing(mut self, what: impl fmt::Display) -> Self {
        let below = std::mem::replace(&mut self.what, what.to_string());
        self.causes.insert(0, below);
        self
    }

    /// Sets what to do next.
    #[must_use]
    pub fn next(mut self, advice: impl fmt::Display) -> Self {
        self.next = Some(advice.to_string());
        self
    }

    /// Sets the advice that belongs to the kind, unless there is advice.
    #[must_use]
    pub fn with_default_advice(mut self) -> Self {
        self.next.get_or_insert_with(|| self.kind.advice().to_owned());
        self
    }

    /// Sets the cause for programs.
    #[must_use]
    pub fn with_cause(mut self, cause: Cause) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// Returns the cause for programs; by default the one that belongs to the kind.
    pub fn cause(&self) -> Cause {
        self.cause.as_deref().cloned().unwrap_or_else(|| self.kind.into())
    }

    /// Returns the class of the error.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the headline, without causes and advice.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Returns what to do next, if known.
    pub fn advice(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

/// The cause that belongs to a kind.
impl From<Kind> for Cause {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Usage => Self::Usage,
            Kind::Data => Self::Data,
            Kind::Infra => Self::Machine,
            Kind::Network => Self::Network,
            Kind::Checksum => Self::Checksum,
            Kind::Disk => Self::DiskFull,
            Kind::Interrupted => Self::Interrupted { signal: None },
            Kind::Bug => Self::Bug,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown(&self.what))?;
        for cause in &self.causes {
            write!(f, "\n  caused by: {}", shown(cause))?;
        }
        if let Some(next) = &self.next {
            write!(f, "\n  next: {}", shown(next))?;
        }
        Ok(())
    }
}

/// Formats a part of the error: sanitized, shortened, and with its further lines indented.
fn shown(part: &str) -> String {
    let indented = |line: &str| match line.is_empty() || line.starts_with([' ', '\t']) {
        true => format!("\n{line}"),
        false => format!("\n    {line}"),
    };
    let text = sanitize::excerpt(part);
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |all, line| all + &indented(line))
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_why_and_next() {
        let error = Error::data("row 3 is cut short")
            .because("expected 10 columns, found 4")
            .while_doing("cannot read a.tsv")
            .next("fetch it again");
        assert_eq!(
            error.to_string(),
            "cannot read a.tsv\n  caused by: row 3 is cut short\n  caused by: expected 10 columns, found 4\n  next: fetch it again"
        );
        assert_eq!(error.kind(), Kind::Data);
    }

    #[test]
    fn every_error_has_advice() {
        let without = Error::infra("no GPU").with_default_advice();
        assert_eq!(without.advice(), Some("run repro doctor, which checks this machine"));
        assert_eq!(Error::infra("no GPU").next("wait").with_default_advice().advice(), Some("wait"));
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert!(Error::io("read", Path::new("a"), &denied).advice().is_some_and(|next| next.contains("ls -l")));
    }

    #[test]
    fn what_is_quoted_steers_nothing_and_ends() {
        let error = Error::data("no image \u{1b}[2J\n::error::forged".to_owned() + &"9".repeat(3_000_000))
            .because("line 1\n  |\n1 | a = ")
            .next("a\n\nb");
        let text = error.to_string();
        assert!(text.starts_with("no image \\u{1b}[2J\n    \\::error::forged999"), "{text}");
        assert!(text.ends_with("99\n  caused by: line 1\n  |\n    1 | a = \n  next: a\n\n    b"), "{text}");
        assert!(text.len() < 1200);
    }
}
