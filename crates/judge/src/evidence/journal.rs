//! What the journal of a run of `repro all` says to a judge: what the run was, and where it stopped.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::report::Environment;
use crate::verdict::deviation::Deviation;
use base::error::{Error, Result};
use base::files;

/// Written first.
pub const RUN: &str = "run.json";
/// One event a line.
pub const EVENTS: &str = "events.jsonl";
const LARGEST: u64 = 16 << 20;
/// The end of the events that is looked at; a run writes some kilobytes.
const TAIL: u64 = 4 << 20;

/// What a run was.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Run {
    /// Name of its folder when it was made.
    pub run: String,
    /// Of `repro all`.
    pub profile: String,
    /// Where it ran.
    pub environment: Environment,
    /// How it deviates from what its golden file describes, as far as the plan does not say it.
    #[serde(default)]
    pub departures: Vec<Deviation>,
    plan: Plan,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Plan {
    stages: Vec<Planned>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Planned {
    name: String,
    #[serde(default)]
    parameters: Value,
}

/// How far a run came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It wrote its report.
    Finished,
    /// A stage gave an error.
    Failed {
        /// The stage.
        stage: String,
        /// Name of the exit code of its error, such as `INFRA`.
        class: String,
        /// What, why, what next.
        message: String,
    },
    /// It was killed, or is still at work.
    Cut {
        /// The stage at work.
        stage: Option<String>,
        /// When that was last heard of, UTC.
        time: String,
    },
}

impl Run {
    /// Of a run's folder; none where it has no `run.json`.
    ///
    /// # Errors
    /// Data where it is damaged.
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

    /// Names of the stages of the plan.
    pub fn stages(&self) -> Vec<&str> {
        self.plan.stages.iter().map(|stage| stage.name.as_str()).collect()
    }

    /// The parameters of a stage of the plan.
    pub fn parameters(&self, stage: &str) -> Option<&Value> {
        self.plan.stages.iter().find(|of| of.name == stage).map(|of| &of.parameters)
    }
}

/// How the last start of a run ended; none where there are no events. A line that a kill cut short is not counted.
///
/// # Errors
/// Data where the events cannot be read.
pub fn end(folder: &Path) -> Result<Option<End>> {
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
                Some(failed @ End::Failed { .. }) => failed,
                _ => End::Finished,
            },
            Some("stage-failed") => {
                End::Failed { stage: text("stage"), class: text("class"), message: text("message") }
            }
            Some("stage-finished" | "stage-skipped" | "run-started") => End::Cut { stage: None, time: text("time") },
            _ => End::Cut { stage, time: text("time") },
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
        let failure = End::Failed { stage: "fetch".into(), class: "NETWORK".into(), message: "no".into() };
        let cut = |stage: Option<&str>| End::Cut { stage: stage.map(str::to_owned), time: "t".into() };
        for (events, expected) in [
            (vec![&started, &at_work], cut(Some("train-vqa"))),
            (vec![&started, &failed, &finished], failure.clone()),
            (vec![&started, &failed], failure),
            (vec![&started, &failed, &finished, &started], cut(None)),
            (vec![&started, &at_work, &finished], End::Finished),
        ] {
            let text: String = events.into_iter().cloned().collect::<String>() + "{\"time\":\"cut sh";
            std::fs::write(folder.path().join(EVENTS), text).unwrap();
            assert_eq!(end(folder.path()).unwrap(), Some(expected));
        }
    }
}
