//! The gates: compares runs with a golden file or another run and returns judged rows. Only [`super::assess`] calls them.

use super::deviations::deviations;
use super::golden::{Content, GoldenFile};
use super::regrade::verified_items;
use crate::evidence::items::{cluster, majority};
use crate::evidence::run::{MissingResult, RunEvidence, TaskEvidence};
use crate::verdict::baseline::{Baseline, highest};
use crate::verdict::deviation::Deviation;
use crate::verdict::eval_gate::{self, AnswerComparison, AnswerItem};
use crate::verdict::row::{Gate, JudgedRow, Subject};
use crate::verdict::runs::{Measurement, TrainingRun};
use crate::verdict::trust_limit::TrustLimit;
use crate::verdict::{Verdict, recorded, train};
use base::error::{Error, Result};
use data::dataset::{Task, metrics};

/// The runs to judge.
#[derive(Debug, Clone, Copy)]
pub(super) struct GateQuery<'a> {
    /// Evidence of the runs.
    pub runs: &'a [RunEvidence],
    /// The tasks to judge; empty for all that a run did.
    pub tasks: &'a [Task],
    /// Seeds of which a run must be given; empty to accept the given runs.
    pub seeds: &'a [u64],
}

/// Judges runs by a golden file.
///
/// # Errors
/// Checksum or data if the evidence of a run is damaged or contradicts itself; usage for golden limits of features, which judge
/// no run.
pub(super) fn judge_by_golden(golden: &GoldenFile, query: &GateQuery) -> Result<Vec<JudgedRow>> {
    match &golden.content {
        Content::Recorded(_) | Content::Published(_) => {
            query.tasks().into_iter().map(|task| judge_trainings(golden, query, task)).collect()
        }
        Content::Predictions(of, items) => {
            let task: Task = of.task.parse()?;
            if !query.seeds.is_empty() {
                return Err(Error::usage(format!("{} holds the answers of one run, not seeds", golden.record.name))
                    .next("leave --seeds out, or judge by recorded or published runs"));
            }
            let is_none = !query.runs.iter().any(|run| query.wants(run, task));
            let reference = ReferenceAnswers { name: &of.model, splits: &of.splits, items, allowed: of.allowed_flips };
            if is_none {
                return Err(Error::usage(format!(
                    "{} judges {task}, of which none of these runs has a result",
                    golden.record.name
                ))
                .next("name a run of that task"));
            }
            // Those that did not do it are named too.
            query.runs.iter().map(|run| judge_answers(&reference, query.runs.len(), run, task)).collect()
        }
        Content::Features(_) => Err(Error::usage(format!("{} judges features, not runs", golden.record.name))
            .next("compare two feature files: repro check --features REFERENCE CANDIDATE")),
    }
}

/// Judges runs by the answers of another run, of which at most `allowed` may differ.
///
/// # Errors
/// Usage if the reference has no answers to a task to judge; those of [`judge_by_golden`].
pub(super) fn judge_by_reference(reference: &RunEvidence, allowed: u64, query: &GateQuery) -> Result<Vec<JudgedRow>> {
    let mut rows = Vec::new();
    for task in query.tasks() {
        let none = |why: &str| {
            Error::usage(format!("{} has no answers to {task} to compare with: {why}", reference.name))
                .next("name a run of `repro all`, or a folder of `repro evaluate --output`")
        };
        let found = match reference.task(task) {
            Some(Ok(found)) => found,
            Some(Err(why)) => return Err(none(&why.sentence)),
            None => return Err(none("it has no result of that task")),
        };
        let items = verified_items(found)?.ok_or_else(|| none("only its accuracy was kept"))?;
        if allowed >= items.len() as u64 {
            return Err(Error::usage(format!("--allow-flips {allowed} of {} answers judges nothing", items.len()))
                .next("allow fewer"));
        }
        let splits = &found.record.splits;
        let of = ReferenceAnswers { name: &reference.name, splits, items: &items, allowed };
        for run in query.runs.iter().filter(|run| query.wants(run, task)) {
            rows.push(judge_answers(&of, query.runs.len(), run, task)?);
        }
    }
    Ok(rows)
}

impl GateQuery<'_> {
    fn tasks(&self) -> Vec<Task> {
        judged_tasks(self.runs, self.tasks)
    }

    /// Returns whether a run is judged on a task: the run did it, or it was asked for by name.
    fn wants(&self, run: &RunEvidence, task: Task) -> bool {
        self.tasks.contains(&task) || self.tasks.is_empty() && run.task(task).is_some()
    }
}

/// Returns the tasks that are judged, in the paper's order: those that are `asked` for, else all that a run did.
pub fn judged_tasks(runs: &[RunEvidence], asked: &[Task]) -> Vec<Task> {
    let is_done = |task: &Task| runs.iter().any(|run| run.task(*task).is_some());
    let is_chosen = |task: &Task| if asked.is_empty() { is_done(task) } else { asked.contains(task) };
    Task::ALL.into_iter().filter(is_chosen).collect()
}

fn judge_trainings(golden: &GoldenFile, query: &GateQuery, task: Task) -> Result<JudgedRow> {
    let (mut runs, mut limit): (Vec<TrainingRun>, TrustLimit) = (Vec::new(), TrustLimit::default());
    let mut weights: Vec<(&RunEvidence, Vec<&str>)> = Vec::new();
    for run in query.runs.iter().filter(|run| query.wants(run, task)) {
        let result = match run.task(task) {
            Some(Ok(found)) => {
                let mut measured = measured(golden, run, found)?;
                let of: Vec<&str> = found.record.models.iter().map(|model| model.sha256.as_str()).collect();
                // The same seed is told of by itself.
                let same = |(other, weights): &&(&RunEvidence, Vec<&str>)| {
                    !of.is_empty() && *weights == of && other.seed(task) != run.seed(task)
                };
                if let Some((other, _)) = weights.iter().find(same) {
                    measured.deviations.push(Deviation::new(
                        format!("its weights are those of {}, which names another seed", other.name),
                        "evaluate the weights that its own training wrote",
                    ));
                }
                weights.push((run, of));
                Ok(measured)
            }
            Some(Err(MissingResult { sentence, next, .. })) => Err(Deviation::new(sentence, next)),
            None => Err(Deviation::new(format!("it has no result of {task}"), "name a run of that task")),
        };
        limit.add(TrustLimit::of_task(run.assets.as_deref().unwrap_or_default(), task.name()));
        runs.push(TrainingRun { name: run.name.clone(), seed: run.seed(task), result });
    }
    for &seed in query.seeds {
        if !runs.iter().any(|run| run.seed == Some(seed)) {
            let result = Err(Deviation::new(
                "no run with this seed was given",
                format!("name its folder too, or train it: --seed {seed}"),
            ));
            runs.push(TrainingRun { name: format!("seed {seed}"), seed: Some(seed), result });
        }
    }
    let mut row = match &golden.content {
        Content::Recorded(golden) => recorded::judge(golden, task.name(), &runs, &baselines(query, task)),
        Content::Published(published) => train::judge(published, task.name(), &runs),
        Content::Features(_) | Content::Predictions(..) => return Err(Error::bug("no golden file of trainings")),
    };
    if let [run] = query.runs
        && let Some(Ok(found)) = run.task(task)
    {
        row.evidence.extend(found.record.beside_accuracy().map(|(name, value)| metrics::sentence(name, value)));
    }
    Ok(limit.apply(row))
}

/// Returns the highest score of each baseline over all runs that have a result.
fn baselines(query: &GateQuery, task: Task) -> Vec<Baseline> {
    let runs = query.runs.iter().filter(|run| query.wants(run, task));
    let found = runs.filter_map(|run| run.task(task)?.as_ref().ok());
    highest(found.map(|found| found.baselines.as_slice()))
}

/// Returns the accuracy of a run with its deviations.
fn measured(golden: &GoldenFile, run: &RunEvidence, found: &TaskEvidence) -> Result<Measurement> {
    let record = &found.record;
    let mut deviations = deviations(&golden.content, run.journal.as_ref(), found)?;
    let planned = |stage| run.journal.as_ref().is_some_and(|journal| journal.stages().contains(stage));
    if run.assets.is_none() && ["fetch", "prepare"].iter().any(planned) {
        deviations.push(Deviation::new(
            "the record of where its files came from (prepare/assets.json) is not there",
            "copy the run with what its links point to, such as with cp -rL, or run it again: finished stages are kept",
        ));
    }
    Ok(Measurement {
        accuracy: record.accuracy,
        n: record.n,
        splits: record.splits.clone(),
        deviations,
        majority: verified_items(found)?.and_then(|items| majority(record.task, &items)),
    })
}

/// The answers that others are compared with.
struct ReferenceAnswers<'r> {
    name: &'r str,
    splits: &'r str,
    items: &'r [AnswerItem],
    allowed: u64,
}

fn judge_answers(reference: &ReferenceAnswers, runs: usize, run: &RunEvidence, task: Task) -> Result<JudgedRow> {
    let name = if runs > 1 { format!("{task} {}", run.name) } else { task.to_string() };
    let subject = run.profile().map_or(Subject::Task, Subject::of_profile);
    let row = JudgedRow::new(&name, Gate::Eval, crate::evidence::result::metric(task));
    let mut row = JudgedRow { subject, ..row };
    let found = match run.task(task) {
        Some(Ok(found)) => found,
        Some(Err(why)) => {
            row.evidence.push(format!("{}: {}", run.name, why.sentence));
            row.what_to_do = Some(why.next.clone());
            return Ok(row);
        }
        None => {
            row.evidence.push(format!("{} has no result of {task}", run.name));
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
    let judged = eval_gate::judge(&AnswerComparison {
        task: &name,
        metric: &record.metric,
        reference: reference.name,
        before: reference.items,
        candidate: &run.name,
        now: &items,
        cluster: cluster(task),
        allowed: reference.allowed,
    });
    Ok(JudgedRow { subject, ..judged })
}
