//! What a worker says while it works.

use std::path::PathBuf;

use base::error::Error;
use base::progress;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hello::{Device, Hello};

/// One line of a worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first line: who it is.
    Hello(Hello),
    /// What it computes on, once that is chosen.
    Device(Device),
    /// A line for a person, on stderr.
    Said {
        /// The line, or lines.
        text: String,
    },
    /// Something worth keeping in a stage's journal.
    Note {
        /// What.
        text: String,
    },
    /// A result, for stdout, as it stands.
    Printed {
        /// With its line ends.
        text: String,
    },
    /// How far the work is. Positions may be left out where nobody listens fast enough.
    Progress {
        /// As libraries tell it.
        progress: progress::Event,
    },
    /// An epoch has ended.
    Epoch {
        /// The lines that its log got.
        text: String,
    },
    /// The last line of work that was done.
    Done {
        /// Its result, as the kind of job says.
        result: Value,
        /// Large results.
        files: Vec<FileFacts>,
    },
    /// The last line of work that was not.
    Failed {
        /// Why.
        error: Error,
    },
    /// Of a kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A large result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Of its content.
    pub sha256: String,
}

impl From<progress::Event> for Event {
    fn from(progress: progress::Event) -> Self {
        Self::Progress { progress }
    }
}

impl Event {
    /// Reads a line; `None` for what is no event.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// Whether it may be left out.
    pub fn may_be_dropped(&self) -> bool {
        matches!(self, Self::Progress { progress } if progress.may_be_dropped())
    }

    /// Whether nothing comes after it.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. })
    }
}

#[cfg(test)]
mod tests {
    use base::error::Kind;

    use super::*;

    #[test]
    fn an_error_comes_back_as_it_was() {
        let error = Error::data("row 3 is cut short").because("4 columns").next("fetch it again");
        let text = error.to_string();
        let line = serde_json::to_string(&Event::Failed { error }).unwrap();
        assert!(!line.contains('\n'));
        let Some(Event::Failed { error }) = Event::parse(&line) else { panic!("{line}") };
        assert_eq!((error.kind(), error.to_string()), (Kind::Data, text));
    }

    #[test]
    fn unknown_kinds_and_fields_are_passed_over_and_rubbish_is_told_apart() {
        assert!(matches!(Event::parse(r#"{"event":"rank","of":8}"#), Some(Event::Unknown)));
        let at = r#"{"event":"progress","progress":{"event":"progress","name":"train","done":3,"total":5,"more":[1]}}"#;
        let Some(event @ Event::Progress { progress: progress::Event::Progress { done: 3, .. } }) = Event::parse(at)
        else {
            panic!("{at}")
        };
        assert!(event.may_be_dropped());
        for rubbish in ["", "{}", "progress", r#"{"answer":"done"}"#, r#"{"event":"progress"}"#] {
            assert!(Event::parse(rubbish).is_none(), "{rubbish}");
        }
    }
}
