//! Runs beside a golden file, as rows of a report.

use std::path::Path;

use super::again::verified_items;
use super::faithful::departures;
use super::golden::{Content, GoldenFile};
use crate::evidence::items::{cluster, majority};
use crate::evidence::run::{Found, RunEvidence, Why};
use crate::report::AssetRecord;
use crate::verdict::frozen::{self, Item, Pair};
use crate::verdict::row::{Gate, Judged, Subject};
use crate::verdict::runs::{Flaw, Measured, Run};
use crate::verdict::{Verdict, recorded, train};
use assets::lock::Trust;
use base::error::{Error, Result};
use base::files;
use data::dataset::Task;

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
            if !asked.seeds.is_empty() {
                return Err(Error::usage(format!("{} holds the answers of one run, not seeds", golden.record.name))
                    .next("leave --seeds out, or judge by recorded or published runs"));
            }
            let is_none = !asked.runs.iter().any(|run| asked.wants(run, task));
            let reference = Reference { name: &of.model, splits: &of.splits, items, allowed: of.allowed_flips };
            if is_none {
                return Err(Error::usage(format!(
                    "{} judges {task}, which none of these runs did",
                    golden.record.name
                ))
                .next("name a run of that task"));
            }
            // Those that did not do it are named too.
            asked.runs.iter().map(|run| frozen(&reference, asked.runs.len(), run, task)).collect()
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
        if allowed >= items.len() as u64 {
            return Err(Error::usage(format!("--allow-flips {allowed} of {} answers judges nothing", items.len()))
                .next("allow fewer"));
        }
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
    let (mut runs, mut unknown): (Vec<Run>, Vec<String>) = (Vec::new(), Vec::new());
    let mut baselines: Option<Vec<(String, f64)>> = None;
    let mut weights: Vec<(&RunEvidence, Vec<&str>)> = Vec::new();
    for run in asked.runs.iter().filter(|run| asked.wants(run, task)) {
        let known = assets(&run.folder)?;
        let result = match run.task(task) {
            Some(Ok(found)) => {
                baselines =
                    Some(baselines.map_or_else(|| found.baselines.clone(), |all| strongest(all, &found.baselines)));
                let mut measured = measured(golden, run, found, known.is_some())?;
                let of: Vec<&str> = found.record.models.iter().map(|model| model.sha256.as_str()).collect();
                // The same seed is told of by itself.
                let same = |(other, weights): &&(&RunEvidence, Vec<&str>)| {
                    !of.is_empty() && *weights == of && other.seed(task) != run.seed(task)
                };
                if let Some((other, _)) = weights.iter().find(same) {
                    measured.departures.push(Flaw::new(
                        format!("its weights are those of {}, which says another seed", other.name),
                        "evaluate the weights that its own training wrote",
                    ));
                }
                weights.push((run, of));
                Ok(measured)
            }
            Some(Err(Why { sentence, next, .. })) => Err(Flaw::new(sentence, next)),
            None => Err(Flaw::new(format!("it did not do {task}"), "name a run of that task")),
        };
        unknown.extend(unpinned(&known.unwrap_or_default(), task));
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
        Content::Recorded(golden) => recorded::judge(golden, task.name(), &runs, &baselines.unwrap_or_default()),
        Content::Published(published) => train::judge(published, task.name(), &runs),
        Content::Features(_) | Content::Predictions(..) => return Err(Error::bug("no golden file of trainings")),
    };
    if let [run] = asked.runs
        && let Some(Ok(found)) = run.task(task)
        && let Some(share) = found.record.consistency
    {
        row.evidence.push(format!("consistency {share:.2}: sentences judged right on all their pairs of pictures"));
    }
    unknown.sort();
    unknown.dedup();
    let remedy = format!("pin what has arrived, if you trust its source: repro fetch --pin {}", unknown.join(" "));
    Ok(row.limited_by_unpinned(&unknown, &remedy))
}

/// Of what is weaker the strongest that any run measured; what one run did not measure is not known of all.
fn strongest(all: Vec<(String, f64)>, more: &[(String, f64)]) -> Vec<(String, f64)> {
    let beside = |(name, value): (String, f64)| {
        let (_, other) = more.iter().find(|(of, _)| *of == name)?;
        Some((name, value.max(*other)))
    };
    all.into_iter().filter_map(beside).collect()
}

/// What a run measured; `keeps_record` says whether it left one of the published files.
fn measured(golden: &GoldenFile, run: &RunEvidence, found: &Found, keeps_record: bool) -> Result<Measured> {
    let record = &found.record;
    let mut departures = departures(&golden.content, run.journal.as_ref(), found)?;
    let planned = |stage| run.journal.as_ref().is_some_and(|journal| journal.stages().contains(stage));
    if !keeps_record && ["fetch", "prepare"].iter().any(planned) {
        departures.push(Flaw::new(
            "the record of where its files came from (prepare/assets.json) is not there",
            "copy the run with what its links point to, such as with cp -rL, or run it again: finished stages are kept",
        ));
    }
    Ok(Measured {
        accuracy: record.accuracy,
        n: record.n,
        splits: record.splits.clone(),
        departures,
        majority: verified_items(found)?.and_then(|items| majority(record.task, &items)),
    })
}

/// Names of the files that a task rests on and of which nobody knows whether they are the published ones. A trust that this
/// program does not know is none.
pub fn unpinned(records: &[AssetRecord], task: Task) -> Vec<String> {
    let known = [Trust::Pinned, Trust::Corroborated, Trust::Published].map(Trust::name);
    let rests = |record: &&AssetRecord| record.used_by.iter().any(|user| user == task.name());
    let is_unknown = |record: &&AssetRecord| !known.contains(&record.trust.as_str());
    records.iter().filter(rests).filter(is_unknown).map(|record| record.name.clone()).collect()
}

/// What a run of `repro all` knew of the published files; none where it left no record of them.
///
/// # Errors
/// Data where the record is damaged.
pub fn assets(folder: &Path) -> Result<Option<Vec<AssetRecord>>> {
    const LARGEST: u64 = 16 << 20;
    let places = ["prepare", "fetch"].map(|stage| folder.join(stage).join("assets.json"));
    let Some(path) = places.into_iter().find(|path| path.exists()) else { return Ok(None) };
    serde_json::from_str(&files::read_text(&path, LARGEST)?)
        .map(Some)
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
    let subject = run.profile().map_or(Subject::Task, Subject::of_profile);
    let row = Judged::new(&name, Gate::Eval, crate::evidence::result::metric(task));
    let mut row = Judged { subject, ..row };
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
    Ok(Judged { subject, ..judged })
}
