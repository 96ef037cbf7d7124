//! The report of a run in which no stage had to run: the existing report is kept, with the times of the run that did the work.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::journal::{self, Event, ReportState, RunRecord};
use base::error::Result;
use base::files;
use judge::report::{Report, ReportTimes, StageExecution, StageRow, json};

/// Keeps the report in a run's folder and writes its missing files again. `new` is the report of the current run. Returns `None`
/// if the existing report describes a failed run: then `new` replaces it.
///
/// # Errors
/// Those of reading and writing files.
pub(super) fn keep(folder: &Path, new: Report) -> Result<Option<(Report, ReportState)>> {
    let path = folder.join(json::FILE);
    // A damaged report counts as missing: everything in it can be made again.
    let there = path.is_file().then(|| json::read(&path).ok()).flatten();
    let Some(old) = there else {
        let report = read_last_work(folder)?.map_or(new.clone(), |past| past.times(new));
        report.write(folder)?;
        return Ok(Some((report, ReportState::Completed)));
    };
    if old.failure.is_some() || new.failure.is_some() {
        return Ok(None);
    }
    // The environment is that of the run that did the work.
    let mut new = new;
    new.environment = old.environment.clone();
    let mut same = new.clone();
    (same.schema, same.before) = (old.schema, old.before.clone());
    if same.without_times() == old.clone().without_times() {
        let missing = old.write_missing(folder)?;
        let state = if missing.is_empty() { ReportState::Untouched } else { ReportState::Completed };
        return Ok(Some((old, state)));
    }
    let this_time = old.stages.into_iter().filter_map(|row| Some((row.name, row.this_time?))).collect();
    new.stages = with_times(new.stages, &this_time);
    new.times = ReportTimes { speeds: new.times.speeds, ..old.times };
    new.write(folder)?;
    Ok(Some((new, ReportState::JudgedAgain)))
}

fn with_times(mut rows: Vec<StageRow>, this_time: &BTreeMap<String, StageExecution>) -> Vec<StageRow> {
    for row in &mut rows {
        if let Some(known) = this_time.get(&row.name) {
            row.this_time = Some(known.clone());
        }
    }
    rows
}

/// What the journal tells of the last run that did work.
struct LastWork {
    started: String,
    finished: Option<String>,
    seconds: Option<f64>,
    stages: BTreeMap<String, StageExecution>,
}

impl LastWork {
    /// Returns the report with the times of that run.
    fn times(self, mut report: Report) -> Report {
        report.times = ReportTimes {
            started: Some(self.started),
            finished: self.finished,
            seconds: self.seconds,
            speeds: report.times.speeds,
        };
        report.stages = with_times(report.stages, &self.stages);
        report
    }
}

/// Reads the journal; `None` if the folder has no record of a run.
fn read_last_work(folder: &Path) -> Result<Option<LastWork>> {
    #[derive(Deserialize)]
    struct Line {
        time: String,
        #[serde(flatten)]
        event: Event,
    }
    const LARGEST: u64 = 1 << 30;
    let Some(record) = RunRecord::read(folder) else { return Ok(None) };
    let path: PathBuf = folder.join(journal::EVENTS);
    let text = if path.is_file() { files::read_text(&path, LARGEST)? } else { String::new() };
    let lines: Vec<Line> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let is_start = |line: &Line| matches!(line.event, Event::RunStarted { .. });
    // Later runs may have done nothing; run.json belongs to the one that did the work.
    let first = lines.iter().position(|line| is_start(line) && line.time >= record.started).unwrap_or(lines.len());
    let of_run = lines.iter().skip(first + 1).take_while(|line| !is_start(line));
    let mut past = LastWork { started: record.started, finished: None, seconds: None, stages: BTreeMap::new() };
    let mut whys = BTreeMap::new();
    for Line { time, event } in of_run {
        match event {
            Event::StageStarted { stage, why, .. } => drop(whys.insert(stage, why.clone())),
            Event::StageFinished { stage, seconds } => {
                let why = whys.remove(stage).unwrap_or_default();
                past.stages.insert(stage.clone(), StageExecution { reused: false, seconds: *seconds, why });
            }
            Event::RunFinished { seconds, .. } => {
                (past.finished, past.seconds) = (Some(time.clone()), Some(*seconds));
            }
            _ => {}
        }
    }
    Ok(Some(past))
}
