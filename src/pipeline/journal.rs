//! The journal of a run: `run.json`, written first, and `events.jsonl`, one line per event, each written immediately.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use base::clock;
use base::error::{Error, Result};
use base::files;
use judge::report::{Environment, Failure, FailureCause, human_bytes, human_seconds};
use judge::verdict::Verdict;
use judge::verdict::deviation::Deviation;

/// Name of the file of events, one per line.
pub(super) const EVENTS: &str = "events.jsonl";
const RUN: &str = "run.json";
const RUN_LIMIT: u64 = 16 << 20;

/// Version of the format of `run.json`.
pub const SCHEMA: u32 = 1;

/// What a run in which nothing was done did with the existing report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportState {
    /// Left it as it was.
    Untouched,
    /// Wrote missing or damaged files of it again.
    Completed,
    /// Replaced it: the same results were judged differently.
    JudgedAgain,
}

/// The content of `run.json`: what is known of a run before it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Name of the run's folder.
    pub run: String,
    /// Profile of `repro all`.
    pub profile: String,
    /// When a run of this plan first started in this workspace, UTC.
    pub first_started: String,
    /// When this run started, UTC.
    pub started: String,
    /// Stages with versions, parameters and inputs; input files with their SHA-256.
    pub plan: Value,
    /// Machine, versions and seeds.
    pub environment: Environment,
    /// How the run deviates from the protocol of its golden file, unless the plan says so already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub departures: Vec<Deviation>,
}

impl RunRecord {
    /// Writes `run.json`, keeping `first_started` of an existing one.
    pub fn write(mut self, folder: &Path) -> Result<()> {
        let path = folder.join(RUN);
        if let Some(earlier) = Self::read(folder) {
            self.first_started = earlier.first_started;
        }
        let mut bytes =
            serde_json::to_vec_pretty(&self).map_err(|e| Error::bug("run.json cannot be written").because(e))?;
        bytes.push(b'\n');
        files::write_bytes(&path, &bytes)
    }

    /// Reads the record in a run's folder; `None` if it is missing or unreadable.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_str(&files::read_text(&folder.join(RUN), RUN_LIMIT).ok()?).ok()
    }
}

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first event of a run.
    RunStarted {
        /// Name of the run's folder.
        run: String,
        /// Version of this program.
        program: String,
        /// Process id of an earlier run that was killed in this workspace.
        after_killed: Option<u32>,
    },
    /// A stage begins.
    StageStarted {
        /// Its name.
        stage: String,
        /// What it does.
        title: String,
        /// Why its cached result is not used.
        why: String,
    },
    /// A note of a stage.
    StageNote {
        /// Its name.
        stage: String,
        /// The note.
        text: String,
    },
    /// A container of a stage ended, successfully or not.
    StageContainer {
        /// Name of the stage.
        stage: String,
        /// The image, by its content.
        image: String,
        /// Wall time.
        seconds: f64,
        /// Peak memory in bytes, if the engine reports it.
        peak_memory: Option<u64>,
    },
    /// A stage is done.
    StageFinished {
        /// Its name.
        stage: String,
        /// How long it took.
        seconds: f64,
    },
    /// A stage was skipped; its cached result is used.
    StageSkipped {
        /// Its name.
        stage: String,
        /// What it does.
        title: String,
        /// Why.
        why: String,
    },
    /// A stage failed.
    StageFailed {
        /// Its name.
        stage: String,
        /// Name of the exit code of its error ([`base::exit::TABLE`]).
        class: String,
        /// The error's text with its causes and next step.
        message: String,
        /// Machine-readable cause; absent in journals of older versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<FailureCause>,
        /// How long it took.
        seconds: f64,
    },
    /// No stage had to run. Shown but not written: the run folder stays unchanged.
    NothingDone {
        /// When the run that the report describes finished, UTC, if known.
        finished: Option<String>,
        /// What was done with the report.
        #[serde(rename = "standing")]
        state: ReportState,
        /// Path of the report.
        report: PathBuf,
    },
    /// The last event of a run; the report is written.
    RunFinished {
        /// The overall verdict.
        verdict: Verdict,
        /// How long it took.
        seconds: f64,
    },
}

impl Event {
    /// Returns the event of a stage that failed after this many seconds.
    pub(super) fn failed(stage: &str, failure: &Failure, seconds: f64) -> Self {
        let Failure { class, message, cause, .. } = failure.clone();
        Self::StageFailed { stage: stage.to_owned(), class, message, cause, seconds }
    }
}

/// The line shown to people.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunStarted { run, after_killed: None, .. } => write!(f, "run {run}"),
            Self::RunStarted { run, after_killed: Some(pid), .. } => {
                write!(f, "run {run}; an earlier run (process {pid}) was killed")
            }
            Self::StageStarted { stage, title, why } => write!(f, "{stage}: {title} ({why})"),
            Self::StageNote { stage, text } => write!(f, "{stage}: {text}"),
            Self::StageContainer { stage, seconds, peak_memory, .. } => {
                write!(f, "{stage}: its container ran for {}", human_seconds(*seconds))?;
                peak_memory.map_or(Ok(()), |bytes| write!(f, ", with up to {} of memory", human_bytes(bytes)))
            }
            Self::StageFinished { stage, seconds } => write!(f, "{stage}: done in {}", human_seconds(*seconds)),
            Self::StageSkipped { stage, why, .. } => write!(f, "{stage}: cached ({why})"),
            Self::StageFailed { stage, class, message, seconds, .. } => {
                write!(f, "{stage}: failed after {} ({class}): {message}", human_seconds(*seconds))
            }
            Self::NothingDone { finished, state, report } => {
                let date = finished.as_ref().map_or_else(String::new, |time| format!(" of {time}"));
                let report = report.display();
                f.write_str("nothing to do: every stage is up to date; ")?;
                match state {
                    ReportState::Untouched => write!(f, "the report{date} is unchanged: {report}"),
                    ReportState::Completed => {
                        write!(f, "missing files of the report{date} were written again: {report}")
                    }
                    ReportState::JudgedAgain => {
                        write!(
                            f,
                            "the report{date} was judged again, with changed golden values or by a different version: {report}"
                        )
                    }
                }
            }
            Self::RunFinished { verdict, seconds } => write!(f, "{verdict} in {}", human_seconds(*seconds)),
        }
    }
}

/// `events.jsonl`, open for appending.
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Returns a second handle on the same file.
    pub(super) fn twin(&self) -> Result<Self> {
        let file = self.file.try_clone().map_err(|e| Error::io("open", &self.path, &e))?;
        Ok(Self { file, path: self.path.clone() })
    }

    /// Opens the journal of a run folder and removes a last line that a kill cut short.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(EVENTS);
        let mut file = files::append_own(&path)?;
        let mut cut = || -> std::io::Result<()> {
            let length = file.metadata()?.len();
            // One event is far shorter than this.
            let from = length.saturating_sub(1 << 20);
            file.seek(SeekFrom::Start(from))?;
            let mut tail = Vec::new();
            (&mut file).take(1 << 20).read_to_end(&mut tail)?;
            if tail.last().is_some_and(|last| *last != b'\n') {
                let whole = memchr::memrchr(b'\n', &tail).map_or(0, |at| at as u64 + 1);
                file.set_len(from + whole)?;
            }
            Ok(())
        };
        cut().map_err(|e| Error::io("open", &path, &e))?;
        Ok(Self { file, path })
    }

    /// Appends an event with the current time, in one write.
    pub fn write(&mut self, event: &Event) -> Result<()> {
        self.write_at(clock::now(), event)
    }

    /// Appends an event that happened at `time`, in one write.
    pub(super) fn write_at(&mut self, time: String, event: &Event) -> Result<()> {
        #[derive(Serialize)]
        struct Line<'a> {
            time: String,
            #[serde(flatten)]
            event: &'a Event,
        }
        let mut line = serde_json::to_string(&Line { time, event })
            .map_err(|e| Error::bug("an event cannot be written").because(e))?;
        line.push('\n');
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.flush())
            .map_err(|e| Error::io("write", &self.path, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cut_short_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let note = |text: &str| Event::StageNote { stage: "a".into(), text: text.into() };
        Journal::open(folder.path()).unwrap().write(&note("one\ntwo")).unwrap();
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"time\":\"20").unwrap();
        Journal::open(folder.path()).unwrap().write(&note("three")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let events: Vec<Event> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(events, [note("one\ntwo"), note("three")]);
    }
}
