//! Reads the folder of a run, whichever command wrote it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::super::journal::{self, RunEnd};
use super::super::names::shortest_distinct;
use super::super::result::{FILE, ResultRecord, SCHEMA, metric};
use super::super::stages::{evaluate_stage, train_stage};
use super::super::training::{self, FinishedTraining, METRICS};
use super::super::{attribution, unfinished};
use crate::evidence::baselines::Baselines;
use crate::report::{AssetRecord, json};
use crate::verdict::baseline::Baseline;
use base::error::{Error, Result};
use base::files;
use data::dataset::Task;

/// File name of the report of a finished run.
pub const REPORT: &str = "report.json";
/// File name of the record of published files, in the folders of the stages that fetch and prepare them.
pub const ASSETS: &str = "assets.json";
/// Path of the demo's baselines in the folder of a run.
const BASELINES: &str = "baselines/baselines.json";

/// Everything that is known about a run from its folder.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvidence {
    /// Its short name; see [`read_all`].
    pub name: String,
    /// Its folder with links resolved.
    pub folder: PathBuf,
    /// Its `run.json`, if `repro all` wrote it.
    pub journal: Option<journal::RunRecord>,
    /// Its record of the published files, if it left one.
    pub assets: Option<Vec<AssetRecord>>,
    /// The result of each planned task, or why it is missing.
    pub tasks: Vec<(Task, Result<TaskEvidence, MissingResult>)>,
    /// Its report, if it wrote one.
    pub report: Option<PathBuf>,
    /// What is uncertain about it, for people.
    pub notes: Vec<String>,
}

/// A result with the files beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskEvidence {
    /// The result.
    pub record: ResultRecord,
    /// Folder of `items.jsonl` and the predictions, if it has them.
    pub folder: PathBuf,
    /// Scores of the baselines on the same items.
    pub baselines: Vec<Baseline>,
    /// File of losses and accuracies while training, if kept.
    pub metrics: Option<PathBuf>,
}

/// Why the result of a task is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingResult {
    /// The reason in a sentence.
    pub sentence: String,
    /// The seed of the training, if known.
    pub seed: Option<u64>,
    /// The stage of `repro all` that failed or was running.
    pub stage: Option<String>,
    /// The class of its error ([`base::exit::TABLE`]), if there was one.
    pub class: Option<String>,
    /// What to do about it.
    pub next: String,
}

impl RunEvidence {
    /// Returns the result of a task, or why it is missing; `None` if the task was not planned.
    pub fn task(&self, task: Task) -> Option<&Result<TaskEvidence, MissingResult>> {
        self.tasks.iter().find(|(of, _)| *of == task).map(|(_, found)| found)
    }

    /// Returns the profile of `repro all`, if that wrote it.
    pub fn profile(&self) -> Option<&str> {
        self.journal.as_ref().map(|journal| journal.profile.as_str())
    }

    /// Returns its seed for a task, if known.
    pub fn seed(&self, task: Task) -> Option<u64> {
        let known = self.task(task).and_then(|found| match found {
            Ok(found) => found.record.seed,
            Err(why) => why.seed,
        });
        // The last of the plan's seeds is the training's.
        known.or_else(|| self.journal.as_ref()?.environment.seeds.last().copied())
    }
}

/// Reads run folders and gives them short, distinct names.
///
/// # Errors
/// As [`read`].
pub fn read_all(folders: &[PathBuf]) -> Result<Vec<RunEvidence>> {
    let mut runs = folders.iter().map(|folder| read(folder)).collect::<Result<Vec<_>>>()?;
    let names = shortest_distinct(&runs.iter().map(|run| run.folder.as_path()).collect::<Vec<_>>());
    runs.iter_mut().zip(names).for_each(|(run, name)| run.name = name);
    Ok(runs)
}

/// Reads a run folder.
///
/// # Errors
/// Data for a folder that no run left, saying what a run folder is, and for damaged files.
pub fn read(given: &Path) -> Result<RunEvidence> {
    read_folder(given, attribution::check_folder)
}

/// Like [`read`], but compares no weights with their checksums: for lists, which must not read gigabytes.
///
/// # Errors
/// As [`read`].
pub fn glance(given: &Path) -> Result<RunEvidence> {
    read_folder(given, |_, _| Ok(()))
}

fn read_folder(given: &Path, check_weights: fn(&Path, &FinishedTraining) -> Result<()>) -> Result<RunEvidence> {
    let folder = resolved(given)?;
    let mut run = RunEvidence {
        name: shortest_distinct(&[&folder]).concat(),
        journal: None,
        assets: assets(&folder)?,
        tasks: Vec::new(),
        notes: Vec::new(),
        report: Some(folder.join(REPORT)).filter(|path| path.exists()),
        folder: folder.clone(),
    };
    if let Some(of) = journal::RunRecord::read(&folder)? {
        run.tasks = tasks_of_all(&folder, &of)?;
        run.journal = Some(of);
    } else if folder.join(FILE).exists() {
        let record = ResultRecord::read(&folder)?;
        run.tasks.push((record.task, Ok(found(record, &folder, &folder))));
    } else if let Some(ended) = training::read(&folder)? {
        check_weights(&folder, &ended)?;
        if ended.weights.is_empty() {
            let outcome = folder.join(training::OUTCOME);
            run.notes.push(format!("{} names no checksum of weights: an older version wrote it", outcome.display()));
        }
        let (task, result) = trained(ended, &folder)?;
        run.tasks.push((task, result));
    } else if let Some(cut) = unfinished::read(&folder)? {
        let sentence = format!("the training has not ended; its last snapshot is of step {}", cut.step);
        let next = "resume it: repeat its command with --resume".to_owned();
        run.tasks.push((cut.task, Err(MissingResult { sentence, seed: cut.seed, stage: None, class: None, next })));
    } else {
        return Err(Error::data(format!("{} is no folder that a run left", given.display()))
            .because(format!("there is neither run.json nor {FILE} nor outcome.json in it"))
            .next("name a folder below workspace/runs, or one that `repro evaluate --output` or `repro train` wrote"));
    }
    Ok(run)
}

/// Returns the folder of the run with links resolved. A workspace stands for its last run.
fn resolved(given: &Path) -> Result<PathBuf> {
    let latest = given.join("runs/latest");
    let folder = if !given.join(journal::RUN).exists() && latest.is_dir() { latest } else { given.to_owned() };
    if !folder.is_dir() {
        return Err(Error::data(format!("there is no folder {}", given.display()))
            .next("name the folder of a run, such as workspace/runs/latest"));
    }
    std::fs::canonicalize(&folder).map_err(|e| Error::io("find", &folder, &e))
}

fn tasks_of_all(folder: &Path, run: &journal::RunRecord) -> Result<Vec<(Task, Result<TaskEvidence, MissingResult>)>> {
    let end = end(folder)?;
    let stages = run.stages();
    let mut tasks = Vec::new();
    for task in Task::ALL {
        let stage = evaluate_stage(task);
        if !stages.contains(&stage.as_str()) {
            continue;
        }
        let of_stage = folder.join(&stage);
        let result = if has_result(&of_stage)? {
            let record = ResultRecord::read(&of_stage)?;
            if record.task != task {
                return Err(Error::data(format!("{} is a result of {}", of_stage.display(), record.task))
                    .next(format!("evaluate {task} again: something else was put in its place")));
            }
            let mut found = found(record, &of_stage, &folder.join(train_stage(task)));
            found.baselines = baselines(folder, task)?;
            Ok(found)
        } else {
            Err(why(&of_stage, end.as_ref()))
        };
        tasks.push((task, result));
    }
    if tasks.is_empty() {
        return Err(Error::data(format!("the run in {} was to evaluate nothing", folder.display()))
            .because(format!("{} plans no stage of an evaluation", journal::RUN))
            .next("name a run of `repro all`, as that left it"));
    }
    Ok(tasks)
}

/// Returns whether a result exists. One that cannot be read is an error, not a missing result.
fn has_result(of_stage: &Path) -> Result<bool> {
    let path = of_stage.join(FILE);
    match std::fs::metadata(&path) {
        Ok(_) => Ok(true),
        Err(e) if [std::io::ErrorKind::NotFound, std::io::ErrorKind::NotADirectory].contains(&e.kind()) => Ok(false),
        Err(e) => Err(Error::io("look at", &path, &e)),
    }
}

/// Returns how a run ended, from its events or, without them, from its report.
fn end(folder: &Path) -> Result<Option<RunEnd>> {
    let (end, report) = (journal::end(folder)?, folder.join(REPORT));
    if end.is_some() || !report.exists() {
        return Ok(end);
    }
    Ok(Some(json::read(&report)?.failure.map_or(RunEnd::Finished, |failure| RunEnd::Failed {
        stage: failure.stage.unwrap_or_else(|| "judging".to_owned()),
        class: failure.class,
        message: failure.message,
    })))
}

/// Returns why a run of `repro all` has no result in the folder of a stage.
pub(super) fn why(of_stage: &Path, end: Option<&RunEnd>) -> MissingResult {
    const AGAIN: &str = "start it again with the same command; finished stages are kept";
    let stage = of_stage.file_name().unwrap_or_default().to_string_lossy();
    let of = |sentence: String, stage: Option<&str>, class: Option<&str>, next: &str| MissingResult {
        sentence,
        seed: None,
        stage: stage.map(str::to_owned),
        class: class.map(str::to_owned),
        next: next.to_owned(),
    };
    if of_stage.is_dir() {
        let next = "run it again with this program: only the evaluation is repeated";
        return of(format!("{stage} left no {FILE}: an older program made it"), None, None, next);
    }
    if of_stage.symlink_metadata().is_ok() {
        let next = "copy the run with what its links point to, such as with cp -rL";
        return of(format!("the link {stage} leads nowhere"), None, None, next);
    }
    match end {
        Some(RunEnd::Failed { stage, class, message }) => {
            let told = |mark: &str| message.lines().find_map(|line| line.trim().strip_prefix(mark));
            let what = message.lines().next().unwrap_or_default();
            let what = told("caused by: ").map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"));
            let advice = told("next: ");
            let next = advice.map_or_else(|| format!("fix what stopped it and {AGAIN}"), str::to_owned);
            of(format!("stage {stage} failed ({class}): {what}"), Some(stage), Some(class), &next)
        }
        Some(RunEnd::Interrupted { stage: Some(stage), time }) => {
            of(format!("the run was cut off in stage {stage}, last heard of {time}"), Some(stage), None, AGAIN)
        }
        Some(RunEnd::Interrupted { stage: None, time }) => {
            of(format!("the run was cut off between stages, last heard of {time}"), None, None, AGAIN)
        }
        Some(RunEnd::Finished) | None => of(format!("the run has no stage {stage}"), None, None, AGAIN),
    }
}

fn found(record: ResultRecord, folder: &Path, trained: &Path) -> TaskEvidence {
    let metrics = Some(trained.join(METRICS)).filter(|path| path.is_file());
    TaskEvidence { record, folder: folder.to_owned(), baselines: Vec::new(), metrics }
}

/// Reads the record of published files of a run of `repro all`.
fn assets(folder: &Path) -> Result<Option<Vec<AssetRecord>>> {
    let places = ["prepare", "fetch"].map(|stage| folder.join(stage).join(ASSETS));
    places.iter().find(|path| path.exists()).map(|path| read_json(path)).transpose()
}

/// Reads a JSON file that a stage wrote.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    const LARGEST: u64 = 16 << 20;
    serde_json::from_str(&files::read_text(path, LARGEST)?)
        .map_err(|e| Error::data(format!("{} cannot be understood", path.display())).because(e))
}

fn baselines(folder: &Path, task: Task) -> Result<Vec<Baseline>> {
    let path = folder.join(BASELINES);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    Ok(read_json::<Baselines>(&path)?.beside(task))
}

/// Turns a finished training into a result: its best accuracy on the validation data.
fn trained(ended: FinishedTraining, folder: &Path) -> Result<(Task, Result<TaskEvidence, MissingResult>)> {
    let task =
        ended.task().ok_or_else(|| Error::data(format!("{} does not say which task it is", folder.display())))?;
    let FinishedTraining { training, best, validated, left_out, machine, vocabulary, .. } = ended;
    let (Some(accuracy), Some((splits, n))) = (best, validated) else {
        let sentence = "the training was not validated, so that nothing was measured".to_owned();
        let next =
            format!("evaluate it: repro evaluate {task} --load {}/LAST --split SPLIT --output DIR", folder.display());
        return Ok((task, Err(MissingResult { sentence, seed: training.seed(), stage: None, class: None, next })));
    };
    let wrong = |why: &str| {
        Error::data(format!("the training in {} contradicts itself", folder.display()))
            .because(why)
            .next("evaluate its weights: repro evaluate TASK --load … --split … --output DIR")
    };
    let examples = n.checked_add(left_out).ok_or_else(|| wrong("it counts more examples than there can be"))?;
    let record = ResultRecord {
        schema: SCHEMA,
        task,
        splits,
        metric: metric(task).to_owned(),
        n,
        examples,
        left_out,
        accuracy,
        consistency: None,
        measures: BTreeMap::new(),
        seed: training.seed(),
        models: Vec::new(),
        features: Vec::new(),
        without: None,
        vocabulary,
        training: Some(training),
        predictions: None,
        items: None,
        environment: machine,
    };
    record.check().map_err(|why| wrong(&why))?;
    Ok((task, Ok(found(record, folder, folder))))
}
