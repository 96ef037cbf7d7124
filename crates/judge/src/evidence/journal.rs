//! Reads the journal of a run of `repro all`: what was planned, and where the run stopped.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::report::Environment;
use crate::verdict::deviation::Deviation;
use base::error::{Error, Result};
use base::files;

/// File that describes a run; it is written first.
pub const RUN: &str = "run.json";
/// File of the events of a run, one a line.
pub const EVENTS: &str = "events.jsonl";
const LARGEST: u64 = 16 << 20;
/// Only this many bytes at the end of the events are read; a run writes some kilobytes.
const TAIL: u64 = 4 << 20;

/// The description of a run in its `run.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RunRecord {
    /// Name of its folder when it was created.
    pub run: String,
    /// The profile of `repro all`.
    pub profile: String,
    /// Where it ran.
    pub environment: Environment,
    /// Deviations from the protocol of its golden file that the plan does not show.
    #[serde(default)]
    pub departures: Vec<Deviation>,
    plan: Plan,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Plan {
    stages: Vec<PlannedStage>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct PlannedStage {
    name: String,
    #[serde(default)]
    parameters: Value,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// It wrote its report.
    Finished,
    /// A stage gave an error.
    Failed {
        /// The stage.
        stage: String,
        /// Name of the exit code of its error, such as `INFRA`.
        class: String,
        /// The error with its causes and its `next:`.
        message: String,
    },
    /// It was killed, or is still running.
    Interrupted {
        /// The stage that was running.
        stage: Option<String>,
        /// Time of the last event, UTC.
        time: String,
    },
}

impl RunRecord {
    /// Reads the record in the folder of a run; `None` if there is no `run.json`.
    ///
    /// # Errors
    /// Data if it is damaged.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(RUN);
        if !path.exists() {
            return Ok(None);
        }
        serde_json::from_str(&files::read_text(&path, LARGEST)?)
            .map(Some)
            .map_err(|e| Error::data(format!("{} cannot be understood", path.display())).because(e))
            .map_err(|e| e.next("name a run of this program as it was left, or run it again: finished stages are kept"))
    }

    /// Returns the names of the planned stages.
    pub fn stages(&self) -> Vec<&str> {
        self.plan.stages.iter().map(|stage| stage.name.as_str()).collect()
    }

    /// Returns the parameters of a planned stage.
    pub fn parameters(&self, stage: &str) -> Option<&Value> {
        self.plan.stages.iter().find(|of| of.name == stage).map(|of| &of.parameters)
    }
}

/// Returns how the last start of a run ended; `None` if there are no events. A line that was cut short is ignored.
///
/// # Errors
/// Data if the events cannot be read.
pub fn end(folder: &Path) -> Result<Option<RunEnd>> {
    let path = folder.join(EVENTS);
    if !path.is_file() {
        return Ok(None);
    }
    let mut end = None;
    for event in tail(&path)?.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let stage = event["stage"].as_str().map(str::to_owned);
        end = Some(match event["event"].as_str() {
            Some("run-finished") => match end {
                Some(failed @ RunEnd::Failed { .. }) => failed,
                _ => RunEnd::Finished,
            },
            Some("stage-failed") => {
                RunEnd::Failed { stage: text("stage"), class: text("class"), message: text("message") }
            }
            Some("stage-finished" | "stage-skipped" | "run-started") => {
                RunEnd::Interrupted { stage: None, time: text("time") }
            }
            _ => RunEnd::Interrupted { stage, time: text("time") },
        });
    }
    Ok(end)
}

/// Returns when a run last wrote an event, UTC; `None` if it wrote none that can be read.
///
/// # Errors
/// Data if the events cannot be read.
pub fn last_event(folder: &Path) -> Result<Option<String>> {
    let path = folder.join(EVENTS);
    if !path.is_file() {
        return Ok(None);
    }
    let time = |line: &str| Some(serde_json::from_str::<Value>(line).ok()?["time"].as_str()?.to_owned());
    Ok(tail(&path)?.lines().rev().find_map(time))
}

fn tail(path: &Path) -> Result<String> {
    let mut file = files::open_regular(path)?;
    let mut read = || -> std::io::Result<Vec<u8>> {
        file.seek(SeekFrom::Start(file.metadata()?.len().saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        (&mut file).take(TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|e| Error::io("read", path, &e))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_last_start_counts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(end(folder.path()).unwrap(), None);
        let event = |event: &str| format!("{{\"time\":\"t\",{event}}}\n");
        let started = event(r#""event":"run-started","run":"r","program":"1","after_killed":null"#);
        let at_work = event(r#""event":"stage-started","stage":"train-vqa","title":"","why":"""#);
        let failed = event(r#""event":"stage-failed","stage":"fetch","class":"NETWORK","message":"no","seconds":1.0"#);
        let finished = event(r#""event":"run-finished","verdict":"INFRA","seconds":1.0"#);
        let failure = RunEnd::Failed { stage: "fetch".into(), class: "NETWORK".into(), message: "no".into() };
        let cut = |stage: Option<&str>| RunEnd::Interrupted { stage: stage.map(str::to_owned), time: "t".into() };
        for (events, expected) in [
            (vec![&started, &at_work], cut(Some("train-vqa"))),
            (vec![&started, &failed, &finished], failure.clone()),
            (vec![&started, &failed], failure),
            (vec![&started, &failed, &finished, &started], cut(None)),
            (vec![&started, &at_work, &finished], RunEnd::Finished),
        ] {
            let text: String = events.into_iter().cloned().collect::<String>() + "{\"time\":\"cut sh";
            std::fs::write(folder.path().join(EVENTS), text).unwrap();
            assert_eq!(end(folder.path()).unwrap(), Some(expected));
        }
    }
}
