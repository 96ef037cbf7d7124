//! The events that a worker emits.

use std::path::PathBuf;

use base::error::Error;
use base::progress;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hello::{Device, Hello};

/// A line that a worker emits.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first line: the worker's identity.
    Hello(Hello),
    /// The device, once it is chosen.
    Device(Device),
    /// A message for people, on stderr.
    #[serde(rename = "said")]
    Message {
        /// One or more lines.
        text: String,
    },
    /// A note for a stage's journal.
    Note {
        /// The note.
        text: String,
    },
    /// A result to be printed unchanged on stdout.
    #[serde(rename = "printed")]
    Output {
        /// The text, including line ends.
        text: String,
    },
    /// Progress of the work. Positions may be dropped if the reader is slow.
    Progress {
        /// The progress event.
        progress: progress::Event,
    },
    /// An epoch has ended.
    Epoch {
        /// The lines that were added to the log.
        text: String,
    },
    /// The last line of a job that succeeded.
    Done {
        /// The result; [`Job`](crate::Job) documents its type.
        result: Value,
        /// Files with large results.
        files: Vec<FileFacts>,
    },
    /// The last line of a job that failed.
    Failed {
        /// The error.
        error: Error,
    },
    /// An event of a kind that is unknown to this version.
    #[serde(other)]
    Unknown,
}

/// A file with a large result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Path of the file.
    pub path: PathBuf,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: String,
}

impl From<progress::Event> for Event {
    fn from(progress: progress::Event) -> Self {
        Self::Progress { progress }
    }
}

impl Event {
    /// Parses a line; `None` if it is not an event.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// Returns whether the event may be dropped if the reader is slow.
    pub fn may_be_dropped(&self) -> bool {
        matches!(self, Self::Progress { progress } if progress.may_be_dropped())
    }

    /// Returns whether this is the last event of a job.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. })
    }
}

#[cfg(test)]
mod tests {
    use base::error::Kind;

    use super::*;

    #[test]
    fn an_error_survives_the_round_trip() {
        let error = Error::data("row 3 is cut short").because("4 columns").next("fetch it again");
        let text = error.to_string();
        let line = serde_json::to_string(&Event::Failed { error }).unwrap();
        assert!(!line.contains('\n'));
        let Some(Event::Failed { error }) = Event::parse(&line) else { panic!("{line}") };
        assert_eq!((error.kind(), error.to_string()), (Kind::Data, text));
    }

    #[test]
    fn unknown_kinds_and_fields_are_ignored_and_other_lines_are_no_events() {
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
