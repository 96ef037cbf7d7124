//! Runs beside a golden file, as rows of a report.

use std::path::Path;

use super::again::verified_items;
use super::faithful::departures;
use super::golden::{Content, GoldenFile};
use crate::dataset::Task;
use crate::error::{Error, Result};
use crate::evidence::items::{cluster, majority};
use crate::evidence::run::{Found, RunEvidence, Why};
use crate::files;
use crate::report::AssetRecord;
use crate::verdict::frozen::{self, Item, Pair};
use crate::verdict::row::{Gate, Judged};
use crate::verdict::runs::{Flaw, Measured, Run};
use crate::verdict::{Verdict, recorded, train};

/// What is judged.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What runs left.
    pub runs: &'a [RunEvidence],
    /// The tasks; none for all that a run did.
    pub tasks: &'a [Task],
    /// Seeds that there should be a run of; none for those that are given.
    pub seeds: &'a [u64],
}

/// The rows of a golden file.
///
/// # Errors
/// Checksum or data where what a run left is damaged or contradicts itself; usage for golden limits of features, which judge no
/// run.
pub fn rows(golden: &GoldenFile, asked: &Asked) -> Result<Vec<Judged>> {
    match &golden.content {
        Content::Recorded(_) | Content::Published(_) => {
            asked.tasks().into_iter().map(|task| trained(golden, asked, task)).collect()
        }
        Content::Predictions(of, items) => {
            let task: Task = of.task.parse()?;
            let answered = asked.runs.iter().filter(|run| asked.wants(run, task));
            let reference = Reference { name: &of.model, splits: &of.splits, items, allowed: of.allowed_flips };
            let rows: Vec<Judged> =
                answered.map(|run| frozen(&reference, asked.runs.len(), run, task)).collect::<Result<_>>()?;
            match rows.is_empty() {
                true => {
                    Err(Error::usage(format!("{} judges {task}, which none of these runs did", golden.record.name))
                        .next("name a run of that task"))
                }
                false => Ok(rows),
            }
        }
        Content::Features(_) => Err(Error::usage(format!("{} judges features, not runs", golden.record.name))
            .next("compare two feature files: repro check --features REFERENCE CANDIDATE")),
    }
}

/// The rows of runs beside another run: at most so many answers may differ.
///
/// # Errors
/// Usage where the reference has no answers to a task that is asked for; those of [`rows`].
pub fn against(reference: &RunEvidence, allowed: u64, asked: &Asked) -> Result<Vec<Judged>> {
    let mut rows = Vec::new();
    for task in asked.tasks() {
        let none = |why: &str| {
            Error::usage(format!("{} has no answers to {task} to compare with: {why}", reference.name))
                .next("name a run of `repro all`, or a folder of `repro evaluate --output`")
        };
        let found = match reference.task(task) {
            Some(Ok(found)) => found,
            Some(Err(why)) => return Err(none(&why.sentence)),
            None => return Err(none("it did not do that task")),
        };
        let items = verified_items(found)?.ok_or_else(|| none("only its accuracy was kept"))?;
        let splits = &found.record.splits;
        let of = Reference { name: &reference.name, splits, items: &items, allowed };
        for run in asked.runs.iter().filter(|run| asked.wants(run, task)) {
            rows.push(frozen(&of, asked.runs.len(), run, task)?);
        }
    }
    Ok(rows)
}

impl Asked<'_> {
    /// The tasks that are judged, in the paper's order.
    pub fn tasks(&self) -> Vec<Task> {
        let is_done = |task: &Task| self.runs.iter().any(|run| run.task(*task).is_some());
        Task::ALL
            .into_iter()
            .filter(|task| if self.tasks.is_empty() { is_done(task) } else { self.tasks.contains(task) })
            .collect()
    }

    /// Whether a run is judged by a task: one that it did, or that was asked for by name.
    fn wants(&self, run: &RunEvidence, task: Task) -> bool {
        self.tasks.contains(&task) || self.tasks.is_empty() && run.task(task).is_some()
    }
}

fn trained(golden: &GoldenFile, asked: &Asked, task: Task) -> Result<Judged> {
    let (mut runs, mut baselines, mut unpinned) = (Vec::new(), Vec::new(), Vec::new());
    for run in asked.runs.iter().filter(|run| asked.wants(run, task)) {
        let result = match run.task(task) {
            Some(Ok(found)) => {
                if baselines.is_empty() {
                    baselines.clone_from(&found.baselines);
                }
                Ok(measured(golden, run, found)?)
            }
            Some(Err(Why { sentence, next, .. })) => Err(Flaw::new(sentence, next)),
            None => Err(Flaw::new(format!("it did not do {task}"), "name a run of that task")),
        };
        unpinned.extend(unknown_files(run, task)?);
        runs.push(Run { name: run.name.clone(), seed: run.seed(task), result });
    }
    for &seed in asked.seeds {
        if !runs.iter().any(|run| run.seed == Some(seed)) {
            let result = Err(Flaw::new(
                "no run with this seed was given",
                format!("name its folder too, or train it: --seed {seed}"),
            ));
            runs.push(Run { name: format!("seed {seed}"), seed: Some(seed), result });
        }
    }
    let mut row = match &golden.content {
        Content::Recorded(golden) => recorded::judge(golden, task.name(), &runs, &baselines),
        Content::Published(published) => train::judge(published, task.name(), &runs),
        Content::Features(_) | Content::Predictions(..) => return Err(Error::bug("no golden file of trainings")),
    };
    if let [run] = asked.runs
        && let Some(Ok(found)) = run.task(task)
        && let Some(share) = found.record.consistency
    {
        row.evidence.push(format!("consistency {share:.2}: sentences judged right on all their pairs of pictures"));
    }
    unpinned.sort();
    unpinned.dedup();
    let remedy = format!("pin what has arrived, if you trust its source: repro fetch --pin {}", unpinned.join(" "));
    Ok(row.limited_by_unpinned(&unpinned, &remedy))
}

fn measured(golden: &GoldenFile, run: &RunEvidence, found: &Found) -> Result<Measured> {
    let record = &found.record;
    Ok(Measured {
        accuracy: record.accuracy,
        n: record.n,
        splits: record.splits.clone(),
        departures: departures(&golden.content, run.journal.as_ref(), found)?,
        majority: verified_items(found)?.and_then(|items| majority(record.task, &items)),
    })
}

/// Files that a task of a run of `repro all` rests on and of which nobody knows whether they are the published ones.
fn unknown_files(run: &RunEvidence, task: Task) -> Result<Vec<String>> {
    let records = assets(&run.folder)?;
    let rests = |record: &&AssetRecord| record.used_by.iter().any(|user| user == task.name());
    let unknown = records.iter().filter(rests).filter(|record| record.trust == "unpinned");
    Ok(unknown.map(|record| record.name.clone()).collect())
}

/// What a run of `repro all` knew of the published files.
///
/// # Errors
/// Data where the record is damaged.
pub fn assets(folder: &Path) -> Result<Vec<AssetRecord>> {
    const LARGEST: u64 = 16 << 20;
    let places = ["prepare", "fetch"].map(|stage| folder.join(stage).join("assets.json"));
    let Some(path) = places.into_iter().find(|path| path.is_file()) else { return Ok(Vec::new()) };
    serde_json::from_slice(&files::read_bytes(&path, LARGEST)?)
        .map_err(|e| Error::data(format!("{} cannot be understood", path.display())).because(e))
}

/// Answers that others are compared with.
struct Reference<'r> {
    name: &'r str,
    splits: &'r str,
    items: &'r [Item],
    allowed: u64,
}

fn frozen(reference: &Reference, runs: usize, run: &RunEvidence, task: Task) -> Result<Judged> {
    let name = if runs > 1 { format!("{task} {}", run.name) } else { task.to_string() };
    let mut row = Judged::new(&name, Gate::Eval, crate::evidence::result::metric(task));
    let found = match run.task(task) {
        Some(Ok(found)) => found,
        Some(Err(why)) => {
            row.evidence.push(format!("{}: {}", run.name, why.sentence));
            row.what_to_do = Some(why.next.clone());
            return Ok(row);
        }
        None => {
            row.evidence.push(format!("{} did not do {task}", run.name));
            row.what_to_do = Some("name a run of that task".into());
            return Ok(row);
        }
    };
    let record = &found.record;
    row.n = Some(record.n);
    row.observed = Some(record.accuracy);
    row.verdict = Verdict::Inconclusive;
    row.what_to_do = Some("evaluate its weights: repro evaluate TASK --load … --split … --output DIR".into());
    if record.splits != reference.splits {
        row.evidence
            .push(format!("{} answered {}, {} answered {}", run.name, record.splits, reference.name, reference.splits));
        row.what_to_do = Some(format!("evaluate {}", reference.splits));
        return Ok(row);
    }
    let Some(items) = verified_items(found)? else {
        row.evidence.push(format!("{} kept its accuracy and no answers", run.name));
        return Ok(row);
    };
    let judged = frozen::judge(&Pair {
        task: &name,
        metric: &record.metric,
        reference: reference.name,
        before: reference.items,
        candidate: &run.name,
        now: &items,
        cluster: cluster(task),
        allowed: reference.allowed,
    });
    Ok(judged)
}
