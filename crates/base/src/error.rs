//! One error type for everything a person reads: what happened, where, and what to do next.
//!
//! Modules have typed errors of their own where a caller must tell cases apart; those convert into this one.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::plain;

/// Who has to act on an error; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The command line or a settings file asks for something impossible.
    Usage,
    /// An input file is damaged, incomplete or contradicts another one.
    Data,
    /// The machine stands in the way: no permission, no engine, no GPU.
    Infra,
    /// No source of a file could be reached, or none gave it.
    Network,
    /// A file is not the one that it should be: its checksum or size differs.
    Checksum,
    /// There is not enough room on the disk.
    Disk,
    /// A person or the system asked the program to stop.
    Interrupted,
    /// The program itself is wrong.
    Bug,
}

/// An error with its place and advice. Shown as `error: WHAT`, then one `caused by:` line per source, then `next: ADVICE`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Error {
    kind: Kind,
    what: String,
    causes: Vec<String>,
    next: Option<String>,
    /// What is known beyond the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<Box<Cause>>,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(kind: Kind, what: impl fmt::Display) -> Self {
        Self { kind, what: what.to_string(), causes: Vec::new(), next: None, cause: None }
    }

    /// A request that cannot be met as asked.
    pub fn usage(what: impl fmt::Display) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// An input file that is wrong.
    pub fn data(what: impl fmt::Display) -> Self {
        Self::new(Kind::Data, what)
    }

    /// A machine that cannot do it.
    pub fn infra(what: impl fmt::Display) -> Self {
        Self::new(Kind::Infra, what)
    }

    /// No source answers, or none has the file.
    pub fn network(what: impl fmt::Display) -> Self {
        Self::new(Kind::Network, what)
    }

    /// A file with another checksum or size than it should have.
    pub fn checksum(what: impl fmt::Display) -> Self {
        Self::new(Kind::Checksum, what)
    }

    /// Too little room on the disk.
    pub fn disk(what: impl fmt::Display) -> Self {
        Self::new(Kind::Disk, what)
    }

    /// Stopped on request.
    pub fn interrupted(what: impl fmt::Display) -> Self {
        Self::new(Kind::Interrupted, what)
    }

    /// A broken promise inside the program.
    pub fn bug(what: impl fmt::Display) -> Self {
        Self::new(Kind::Bug, what)
    }

    /// A failed file operation, `doing` being such as "read" or "create". A missing file counts as wrong input; a full disk is a kind of its
    /// own.
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
        let wrong = Self::new(kind, format!("cannot {doing} {}", path.display())).because(error);
        match kind {
            Kind::Disk => wrong.next("free some space and run this again: what is complete is kept"),
            _ => wrong,
        }
    }

    /// Adds a cause below what is there.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Puts what was being done above what went wrong.
    #[must_use]
    pub fn while_doing(mut self, what: impl fmt::Display) -> Self {
        let below = std::mem::replace(&mut self.what, what.to_string());
        self.causes.insert(0, below);
        self
    }

    /// Says what the person can do.
    #[must_use]
    pub fn next(mut self, advice: impl fmt::Display) -> Self {
        self.next = Some(advice.to_string());
        self
    }

    /// Says why in a way that programs can tell apart.
    #[must_use]
    pub fn with_cause(mut self, cause: Cause) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// Returns the cause for programs: what its kind says if nothing more is known.
    pub fn cause(&self) -> Cause {
        self.cause.as_deref().cloned().unwrap_or_else(|| self.kind.into())
    }

    /// Who has to act.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The headline, without causes and advice.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What the person can do, where that is known.
    pub fn advice(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

/// What an error's kind alone says.
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

/// A part as it is shown: fit for a terminal whatever it quotes, not endless, and its further lines indented.
fn shown(part: &str) -> String {
    let indented = |line: &str| match line.is_empty() || line.starts_with([' ', '\t']) {
        true => format!("\n{line}"),
        false => format!("\n    {line}"),
    };
    let text = plain::excerpt(part);
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
