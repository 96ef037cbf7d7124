//! Runs a plan: what is at hand is taken, the rest is done, the result is judged and reported.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use super::cache::{self, Cache};
use super::decide::{Files, decide, nearest, parts};
use super::explain::{Action, Decision, Why};
use super::fingerprint::{Parts, sorted};
use super::inputs::Memo;
use super::journal::{self, Event, RunRecord};
use super::lock::Lock;
use super::outcome::Outcome;
use super::plan::{Input, Plan};
use super::results::Results;
use super::runner::{Emitter, Runner, link};
use super::standing;
use base::clock;
use base::error::{Error, Result};
use base::files;
use base::host;
use judge::grade::report::Facts;
use judge::report::{self, Environment, Failure, FileRecord, Provenance, Report, StageOutputs, Times};
use judge::verdict::deviation::Deviation;

/// Of a stage with many outputs, this many are named in the report.
const NAMED_OUTPUTS: usize = 6;

/// Where and with what a plan is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The workspace.
    pub workspace: PathBuf,
    /// Versions of what the program stands on, for the record.
    pub versions: BTreeMap<String, String>,
    /// Threads that the computation uses, for the record.
    pub threads: usize,
    /// The image that stages run in, for the record.
    pub image: Option<String>,
    /// How the run deviates from what its golden file describes, for the record.
    pub departures: Vec<Deviation>,
}

/// Runs a plan, has it judged, writes the report into the run's folder, and returns report and folder.
///
/// Where nothing was done, the report is the one that the run left which did the work ([`standing`]), with its times.
///
/// `display` sees every event as it is written. `judge` also sees a run that a stage's error stopped: that error is in the
/// report, not returned here. Returned are errors before the run began (a missing file from outside, a workspace at work)
/// and failing to write the journal or the report.
pub fn run(
    plan: &Plan,
    settings: &Settings,
    display: &mut dyn FnMut(&Event),
    judge: impl FnOnce(&Outcome) -> Result<Results>,
) -> Result<(Report, PathBuf)> {
    plan.check()?;
    let (clock, started) = (Instant::now(), clock::now());
    let workspace = &settings.workspace;
    let lock = Lock::take(&workspace.join("cache/lock"))?;
    let mut memo = Memo::open(workspace.join("cache/inputs.json"));
    let outside = hash_files(plan, &mut memo)?;
    memo.save()?;

    let plan_record = describe(plan, &outside);
    let id = files::sha256_bytes(sorted(&plan_record).to_string().as_bytes());
    let run = format!("{}-{}", plan.profile, &id[..12]);
    let folder = workspace.join("runs").join(&run);
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create the folder", &folder, &e))?;
    files::remove_unfinished(&folder)?;
    files::remove_unfinished(&workspace.join("cache"))?;
    let facts = host::HostFacts::computing("", settings.threads, settings.versions.clone());
    let environment = Environment::new(facts, &plan.seeds, settings.image.clone());
    let record = RunRecord {
        schema: journal::SCHEMA,
        run: run.clone(),
        profile: plan.profile.clone(),
        first_started: started.clone(),
        started: started.clone(),
        plan: plan_record,
        environment: environment.clone(),
        departures: settings.departures.clone(),
    };
    link(&workspace.join("runs/latest"), Path::new(&run))?;
    let mut emitter = Emitter::new(&folder, record, display)?;
    emitter.emit(&Event::RunStarted {
        run: run.clone(),
        program: environment.program.clone(),
        after_killed: lock.killed.as_ref().map(|h| h.pid),
    })?;

    let outcome =
        Runner { plan, outside: &outside, cache: Cache::new(workspace), folder: &folder, emitter: &mut emitter }
            .all_stages()?;
    let mut failure = outcome.failure.clone();
    let results = judge(&outcome).unwrap_or_else(|error| {
        match &mut failure {
            Some(first) => first.message += &format!("\n  then, judging what is there: {error}"),
            None => failure = Some(Failure::new(None, &error)),
        }
        Results::default()
    });
    let report = results.assessment.report(Facts {
        title: plan.title.clone(),
        profile: plan.profile.clone(),
        run,
        failure,
        curves: results.curves,
        examples: results.examples,
        environment,
        provenance: Provenance { assets: results.assets, ..provenance(plan, &outside, &outcome) },
        stages: outcome.rows,
        times: Times {
            started: Some(started),
            finished: Some(clock::now()),
            seconds: Some(clock.elapsed().as_secs_f64()),
            speeds: results.speeds,
        },
    });
    if !outcome.worked
        && let Some((report, standing)) = standing::keep(&folder, report.clone())?
    {
        if report.times.finished.is_none() {
            // The run that did the work was killed before it could write its end.
            emitter.begin_looking()?;
        }
        emitter.end_looking(&Event::RunFinished { verdict: report.verdict, seconds: clock.elapsed().as_secs_f64() })?;
        let finished = report.times.finished.clone();
        emitter.show(&Event::NothingDone { finished, standing, report: folder.join(report::HTML) });
        return Ok((report, folder));
    }
    report.write(&folder)?;
    emitter.begin_work()?;
    emitter.emit(&Event::RunFinished { verdict: report.verdict, seconds: clock.elapsed().as_secs_f64() })?;
    drop(lock);
    Ok((report, folder))
}

/// What [`run`] would do with each stage, and why. Changes nothing.
pub fn explain(plan: &Plan, workspace: &Path) -> Result<Vec<Decision>> {
    plan.check()?;
    let cache = Cache::new(workspace);
    let outside = hash_files(plan, &mut Memo::open(workspace.join("cache/inputs.json")))?;
    let interrupted: BTreeSet<(String, String)> = cache.leftovers()?.into_iter().map(|(s, f, _)| (s, f)).collect();
    let (mut done, mut decisions) = (BTreeMap::new(), Vec::new());
    for stage in &plan.stages {
        let unknown = stage.inputs.iter().find_map(|input| match input {
            Input::Stage(from) | Input::Output { stage: from, .. } if !done.contains_key(from) => Some(from.clone()),
            _ => None,
        });
        let (action, why) = if let Some(from) = unknown {
            // Whatever the outputs of `from` will be, a change of the stage's own is certain.
            let parts =
                Parts::new(&stage.name, stage.code_version, &stage.executor, &stage.parameters, BTreeMap::new());
            let history = cache.history(&stage.name)?;
            match nearest(&history, |earlier| parts.changes_but_inputs(earlier)) {
                None => (Action::Run, Why::NeverFinished),
                Some(changes) if changes.is_empty() && stage.always => (Action::Run, Why::Always),
                Some(changes) if changes.is_empty() => (Action::Depends, Why::Waits(from)),
                Some(changes) => (Action::Run, Why::Changed(changes)),
            }
        } else {
            let parts = parts(stage, &outside, &done)?;
            let fingerprint = parts.fingerprint()?;
            match decide(&cache, stage, &parts, &fingerprint, &interrupted, false)? {
                (Some(record), why) => {
                    done.insert(stage.name.clone(), (cache.folder(&stage.name, &fingerprint), record));
                    (Action::Skip, why)
                }
                (None, why) => (Action::Run, why),
            }
        };
        decisions.push(Decision { stage: stage.name.clone(), action, why: why.to_string() });
    }
    Ok(decisions)
}

fn hash_files(plan: &Plan, memo: &mut Memo) -> Result<Files> {
    let mut files = Files::new();
    for stage in &plan.stages {
        for input in &stage.inputs {
            if let Input::File { name, path } = input {
                let hashed = memo.sha256(path);
                let hashed =
                    hashed.map_err(|e| e.while_doing(format!("stage {} lacks its input {name}", stage.name)))?;
                files.insert((stage.name.clone(), name.clone()), hashed);
            }
        }
    }
    Ok(files)
}

/// The plan as data: what gives the run its name.
fn describe(plan: &Plan, outside: &Files) -> Value {
    let stages: Vec<Value> = (plan.stages.iter())
        .map(|stage| {
            let inputs: Vec<Value> = (stage.inputs.iter())
                .map(|input| match input {
                    Input::File { name, .. } => {
                        let sha256 = outside.get(&(stage.name.clone(), name.clone())).map(|(_, sha256)| sha256);
                        json!({ "file": name, "sha256": sha256 })
                    }
                    Input::Stage(from) => json!({ "stage": from }),
                    Input::Output { stage, path } => json!({ "stage": stage, "output": path }),
                })
                .collect();
            json!({
                "name": stage.name,
                "code_version": stage.code_version,
                "executor": stage.executor,
                "parameters": stage.parameters,
                "inputs": inputs,
            })
        })
        .collect();
    json!({ "profile": plan.profile, "seeds": plan.seeds, "stages": stages })
}

fn provenance(plan: &Plan, outside: &Files, outcome: &Outcome) -> Provenance {
    let inputs: BTreeMap<&str, &(u64, String)> =
        outside.iter().map(|((_, name), hashed)| (name.as_str(), hashed)).collect();
    let inputs = inputs
        .into_iter()
        .map(|(name, (bytes, sha256))| FileRecord {
            name: name.to_owned(),
            bytes: Some(*bytes),
            sha256: Some(sha256.clone()),
        })
        .collect();
    let records = plan.stages.iter().filter_map(|s| outcome.done.get(&s.name).map(|(_, record)| record));
    let outputs = records.map(|record| {
        let mut largest: Vec<&cache::Output> = record.outputs.iter().collect();
        largest.sort_by_key(|o| (o.volatile, std::cmp::Reverse(if o.volatile { 0 } else { o.stat.size })));
        StageOutputs {
            stage: record.parts.stage.clone(),
            files: record.outputs.len(),
            bytes: record.outputs.iter().filter(|o| !o.volatile).map(|o| o.stat.size).sum(),
            sha256: record.tree_sha256(),
            largest: (largest.into_iter().take(NAMED_OUTPUTS))
                .map(|o| FileRecord {
                    name: o.path.clone(),
                    bytes: (!o.volatile).then_some(o.stat.size),
                    sha256: (!o.volatile).then(|| o.sha256.clone()),
                })
                .collect(),
        }
    });
    Provenance { inputs, assets: Vec::new(), outputs: outputs.collect() }
}
