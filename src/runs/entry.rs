//! Reads what is listed of one folder.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::find::{self, Candidate, Holds};
use base::clock;
use base::error::{Error, Result};
use base::files::{self, lock};
use data::dataset::Task;
use judge::evidence::journal::{self, RunEnd};
use judge::evidence::result::FILE as RESULT;
use judge::evidence::run::{REPORT, RunEvidence, glance};
use judge::evidence::training::{METRICS, OUTCOME};
use judge::evidence::unfinished::{self, SNAPSHOTS, SnapshotHead};
use judge::grade::deviations::{from_paper, from_protocol};
use judge::report::{Report, json};
use judge::verdict::Verdict;

/// What stands for the task of a pre-training.
const PRETRAINING: &str = "pretrain";
const LARGEST: u64 = 4 << 20;

/// A run, a training or an evaluation.
#[derive(Debug)]
pub struct Entry {
    pub(super) folder: PathBuf,
    pub(super) kind: Kind,
    /// When it last wrote something, UTC.
    pub(super) date: Option<String>,
    /// The profile of `repro all`.
    pub(super) profile: Option<String>,
    pub(super) state: State,
    /// Over all tasks, if it was judged.
    pub(super) verdict: Option<Verdict>,
    pub(super) tasks: Vec<Row>,
}

impl Entry {
    /// Whether its settings are compared with the demo's recorded runs, not with the paper.
    pub(super) fn is_demo(&self) -> bool {
        self.kind == Kind::Run && self.profile.as_deref() == Some("demo")
    }
}

/// What wrote a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Run,
    Evaluation,
    Training,
    Unreadable,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Evaluation => "evaluation",
            Self::Training => "training",
            Self::Unreadable => "unreadable",
        }
    }
}

/// How far a run or a training came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Finished,
    Running,
    /// It ended early and can be resumed: after a step of a training, or in a stage of a run.
    Stopped {
        step: Option<u64>,
        stage: Option<String>,
        next: String,
    },
    Failed {
        stage: Option<String>,
        class: String,
        cause: String,
        next: Option<String>,
    },
    /// Its files cannot be understood.
    Damaged {
        cause: String,
        next: Option<String>,
    },
}

/// What is known of one task.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Row {
    pub task: String,
    pub split: Option<String>,
    /// Accuracy in points.
    pub score: Option<f64>,
    pub seed: Option<u64>,
    pub verdict: Option<Verdict>,
    /// How its settings deviate from those of the paper, or of the demo for a run of the demo.
    pub deviations: Vec<String>,
}

/// Returns everything below some folders, newest first.
///
/// # Errors
/// Data if a given folder is absent. A folder below it that cannot be read is an entry, not an error.
pub fn list(folders: &[PathBuf]) -> Result<Vec<Entry>> {
    let mut candidates = Vec::new();
    for folder in folders {
        if !folder.is_dir() {
            return Err(Error::data(format!("there is no folder {}", folder.display()))
                .next("name a workspace or a folder with runs, such as repro runs workspace"));
        }
        find::below(folder, &mut candidates);
    }
    let mut seen = HashSet::new();
    candidates.retain(|candidate| {
        seen.insert(std::fs::canonicalize(&candidate.path).unwrap_or_else(|_| candidate.path.clone()))
    });
    let mut entries: Vec<Entry> = candidates.into_iter().map(entry).collect();
    entries.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.folder.cmp(&b.folder)));
    Ok(entries)
}

fn entry(Candidate { path, holds }: Candidate) -> Entry {
    let read = holds.map(|holds| match holds {
        Holds::Run => (Kind::Run, run(&path)),
        Holds::Evaluation => (Kind::Evaluation, measured(&path, RESULT)),
        Holds::Outcome => (Kind::Training, ended(&path)),
        Holds::Unfinished => (Kind::Training, unfinished(&path)),
    });
    let (kind, read) = read.unwrap_or_else(|error| (Kind::Unreadable, Err(error)));
    let Parts { date, profile, state, verdict, tasks } =
        read.unwrap_or_else(|error| Parts { date: changed(&path), state: damaged(&error), ..Parts::default() });
    Entry { folder: path, kind, date, profile, state, verdict, tasks }
}

/// An [`Entry`] without its folder.
struct Parts {
    date: Option<String>,
    profile: Option<String>,
    state: State,
    verdict: Option<Verdict>,
    tasks: Vec<Row>,
}

impl Default for Parts {
    fn default() -> Self {
        Self { date: None, profile: None, state: State::Finished, verdict: None, tasks: Vec::new() }
    }
}

fn run(folder: &Path) -> Result<Parts> {
    let evidence = glance(folder)?;
    let report = evidence.report.as_ref().map(|path| json::read(path)).transpose()?;
    let end = journal::end(folder)?;
    let at_work = matches!(end, Some(RunEnd::Interrupted { .. })) && is_at_work(folder);
    let state = match end {
        _ if at_work => State::Running,
        Some(RunEnd::Failed { stage, class, message }) => {
            let (cause, next) = told(&message);
            State::Failed { stage: Some(stage), class, cause, next }
        }
        Some(RunEnd::Interrupted { stage, .. }) => State::Stopped { step: None, stage, next: repeat() },
        Some(RunEnd::Finished) => State::Finished,
        None => report.as_ref().and_then(|report| report.failure.as_ref()).map_or(State::Finished, |failure| {
            let (cause, next) = told(&failure.message);
            State::Failed { stage: failure.stage.clone(), class: failure.class.clone(), cause, next }
        }),
    };
    Ok(Parts {
        date: journal::last_event(folder)?.or_else(|| changed(&folder.join(journal::RUN))),
        profile: evidence.profile().map(str::to_owned),
        state,
        verdict: report.as_ref().map(|report| report.verdict),
        tasks: rows(&evidence, report.as_ref())?,
    })
}

/// Whether the run that holds the workspace's lock is this one.
fn is_at_work(folder: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let Some(runs) = folder.parent() else { return false };
    let is_latest = real(&runs.join("latest")).is_some_and(|latest| Some(latest) == real(folder));
    is_latest && runs.parent().is_some_and(|workspace| lock::is_taken(&workspace.join("cache/lock")))
}

/// An evaluation or a fine-tuning that has ended, with the report that `repro check --output` may have left in it.
fn measured(folder: &Path, dated_by: &str) -> Result<Parts> {
    let evidence = glance(folder)?;
    let report = Some(folder.join(REPORT)).filter(|path| path.exists());
    let report = report.map(|path| json::read(&path)).transpose()?;
    Ok(Parts {
        date: changed(&folder.join(dated_by)),
        verdict: report.as_ref().map(|report| report.verdict),
        tasks: rows(&evidence, report.as_ref())?,
        ..Parts::default()
    })
}

fn ended(folder: &Path) -> Result<Parts> {
    let path = folder.join(OUTCOME);
    let text = files::read_text(&path, LARGEST)?;
    let outcome: Value = serde_json::from_str(&text)
        .map_err(|e| Error::data(format!("{} cannot be understood", path.display())).because(e))?;
    if outcome.pointer("/identity/run/task").is_some() {
        return measured(folder, OUTCOME);
    }
    let seed = outcome.pointer("/identity/run/--seed").and_then(Value::as_u64);
    let row = Row { task: PRETRAINING.to_owned(), seed, ..Row::default() };
    Ok(Parts { date: changed(&path), tasks: vec![row], ..Parts::default() })
}

fn unfinished(folder: &Path) -> Result<Parts> {
    let places = [SNAPSHOTS, METRICS].map(|name| changed(&folder.join(name)));
    let date = places.into_iter().flatten().max();
    let head = unfinished::head(folder)?;
    if lock::is_taken(folder) {
        let tasks = head.map(task_of).transpose()?.into_iter().collect();
        return Ok(Parts { date, state: State::Running, tasks, ..Parts::default() });
    }
    let Some(head) = head else {
        return Err(Error::data("the training has not ended, and none of its snapshots can be read")
            .next("start it again with --restart, which deletes nothing that is finished"));
    };
    let next = "resume it: the same command with --resume".to_owned();
    let state = State::Stopped { step: Some(head.step), stage: None, next };
    Ok(Parts { date, state, tasks: vec![task_of(head)?], ..Parts::default() })
}

fn task_of(SnapshotHead { options, .. }: SnapshotHead) -> Result<Row> {
    let seed = options.get("--seed").and_then(Value::as_u64);
    let task = options.get("task").and_then(|task| serde_json::from_value::<Task>(task.clone()).ok());
    let name = task.map_or(PRETRAINING, Task::name).to_owned();
    let deviations = task.map_or(Ok(Vec::new()), |task| settings(task, options))?;
    Ok(Row { task: name, seed, deviations, ..Row::default() })
}

fn settings(task: Task, options: Map<String, Value>) -> Result<Vec<String>> {
    Ok(from_paper(task, options)?.into_iter().map(|deviation| deviation.what).collect())
}

fn rows(evidence: &RunEvidence, report: Option<&Report>) -> Result<Vec<Row>> {
    let verdict = |task: Task| Some(report?.rows.iter().find(|row| row.name == task.name())?.verdict);
    let row = |(task, found): &(Task, _)| {
        let row =
            Row { task: task.name().to_owned(), verdict: verdict(*task), seed: evidence.seed(*task), ..Row::default() };
        let Ok(found) = found else { return Ok(row) };
        let deviations = from_protocol(evidence, found)?.into_iter().map(|deviation| deviation.what).collect();
        Ok(Row { split: Some(found.record.splits.clone()), score: Some(found.record.accuracy), deviations, ..row })
    };
    evidence.tasks.iter().map(row).collect()
}

/// The first line of a message with its cause, and its advice.
fn told(message: &str) -> (String, Option<String>) {
    let marked = |mark: &str| message.lines().find_map(|line| line.trim().strip_prefix(mark)).map(str::to_owned);
    let what = message.lines().next().unwrap_or_default();
    let cause = marked("caused by: ").map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"));
    (cause, marked("next: "))
}

fn damaged(error: &Error) -> State {
    let (cause, next) = told(&error.to_string());
    State::Damaged { cause, next }
}

fn repeat() -> String {
    "run the same command again: finished stages are kept".to_owned()
}

/// When a file or folder last changed, UTC.
fn changed(path: &Path) -> Option<String> {
    let time = std::fs::metadata(path).ok()?.modified().ok()?;
    Some(clock::rfc3339(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()))
}
