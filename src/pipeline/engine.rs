//! Runs a plan: reuses cached results, runs the other stages, has the results judged, and writes the report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use super::cache::{self, Cache};
use super::decision::{Action, Decision, Reason};
use super::fingerprint::{FingerprintParts, sorted};
use super::input_hashes::HashCache;
use super::journal::{self, Event, RunRecord};
use super::kept_report;
use super::outcome::RunOutcome;
use super::plan::{Input, Plan};
use super::results::RunResults;
use super::runner::{Emitter, Runner, link};
use super::stage_state::{InputHashes, find_result, nearest, parts};
use super::workspace_lock::WorkspaceLock;
use base::clock;
use base::error::{Error, Result};
use base::files;
use base::host;
use judge::grade::report::ReportFacts;
use judge::report::{self, Environment, Failure, FileRecord, Provenance, Report, ReportTimes, StageOutputs};
use judge::verdict::deviation::Deviation;

/// Maximum number of outputs listed per stage in the report.
const NAMED_OUTPUTS: usize = 6;

/// How a plan is run.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// The workspace.
    pub workspace: PathBuf,
    /// Versions of the libraries used, for the record.
    pub versions: BTreeMap<String, String>,
    /// CPU threads of the computation, for the record.
    pub threads: usize,
    /// The image that stages run in, for the record.
    pub image: Option<String>,
    /// How the run deviates from the protocol of its golden file, for the record.
    pub departures: Vec<Deviation>,
}

/// Runs a plan, has it judged, writes the report into the run's folder, and returns report and folder.
///
/// If no stage had to run, the existing report is kept with the times of the run that did the work (`kept_report`).
///
/// `display` is called with every event as it is written. `judge` is also called for a run that the error of a stage stopped.
///
/// # Errors
/// Errors before the run starts (a missing input file, a workspace in use), and those of writing the journal or the report. The
/// error of a stage is in the report instead.
pub fn run(
    plan: &Plan,
    settings: &RunSettings,
    display: &mut dyn FnMut(&Event),
    judge: impl FnOnce(&RunOutcome) -> Result<RunResults>,
) -> Result<(Report, PathBuf)> {
    plan.check()?;
    let (clock, started) = (Instant::now(), clock::now());
    let workspace = &settings.workspace;
    let lock = WorkspaceLock::take(&workspace.join("cache/lock"))?;
    let mut hash_cache = HashCache::open(workspace.join("cache/inputs.json"));
    let outside = hash_files(plan, &mut hash_cache)?;
    hash_cache.save()?;

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
            Some(first) => first.message += &format!("\n  then, judging the finished stages failed: {error}"),
            None => failure = Some(Failure::new(None, &error)),
        }
        RunResults::default()
    });
    let report = results.assessment.report(ReportFacts {
        title: plan.title.clone(),
        profile: plan.profile.clone(),
        run,
        failure,
        curves: results.curves,
        examples: results.examples,
        environment,
        provenance: Provenance { assets: results.assets, ..provenance(plan, &outside, &outcome) },
        stages: outcome.rows,
        times: ReportTimes {
            started: Some(started),
            finished: Some(clock::now()),
            seconds: Some(clock.elapsed().as_secs_f64()),
            speeds: results.speeds,
        },
    });
    if !outcome.worked
        && let Some((report, state)) = kept_report::keep(&folder, report.clone())?
    {
        if report.times.finished.is_none() {
            // The run that did the work was killed before it could write its last event.
            emitter.begin_looking()?;
        }
        emitter.end_looking(&Event::RunFinished { verdict: report.verdict, seconds: clock.elapsed().as_secs_f64() })?;
        let finished = report.times.finished.clone();
        emitter.show(&Event::NothingDone { finished, state, report: folder.join(report::HTML) });
        return Ok((report, folder));
    }
    report.write(&folder)?;
    emitter.begin_work()?;
    emitter.emit(&Event::RunFinished { verdict: report.verdict, seconds: clock.elapsed().as_secs_f64() })?;
    drop(lock);
    Ok((report, folder))
}

/// Returns what [`run`] would do with each stage, and why. Changes nothing.
pub fn explain(plan: &Plan, workspace: &Path) -> Result<Vec<Decision>> {
    plan.check()?;
    let cache = Cache::new(workspace);
    let outside = hash_files(plan, &mut HashCache::open(workspace.join("cache/inputs.json")))?;
    let interrupted: BTreeSet<(String, String)> = cache.leftovers()?.into_iter().map(|(s, f, _)| (s, f)).collect();
    let (mut done, mut decisions) = (BTreeMap::new(), Vec::new());
    for stage in &plan.stages {
        let unknown = stage.inputs.iter().find_map(|input| match input {
            Input::Stage(from) | Input::Output { stage: from, .. } if !done.contains_key(from) => Some(from.clone()),
            _ => None,
        });
        let (action, why) = if let Some(from) = unknown {
            // The outputs of `from` are unknown, but a change of the stage itself is certain.
            let parts = FingerprintParts::new(
                &stage.name,
                stage.code_version,
                &stage.executor,
                &stage.parameters,
                BTreeMap::new(),
            );
            let history = cache.history(&stage.name)?;
            match nearest(&history, |earlier| parts.changes_but_inputs(earlier)) {
                None => (Action::Run, Reason::NeverFinished),
                Some(changes) if changes.is_empty() && stage.always => (Action::Run, Reason::Always),
                Some(changes) if changes.is_empty() => (Action::Depends, Reason::DependsOn(from)),
                Some(changes) => (Action::Run, Reason::Changed(changes)),
            }
        } else {
            let parts = parts(stage, &outside, &done)?;
            let fingerprint = parts.fingerprint()?;
            match find_result(&cache, stage, &parts, &fingerprint, &interrupted, false)? {
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

fn hash_files(plan: &Plan, hash_cache: &mut HashCache) -> Result<InputHashes> {
    let mut files = InputHashes::new();
    for stage in &plan.stages {
        for input in &stage.inputs {
            if let Input::File { name, path } = input {
                let hashed = hash_cache.sha256(path);
                let hashed = hashed
                    .map_err(|e| e.while_doing(format!("the input {name} of stage {} cannot be read", stage.name)))?;
                files.insert((stage.name.clone(), name.clone()), hashed);
            }
        }
    }
    Ok(files)
}

/// Returns the plan as data; its hash names the run.
fn describe(plan: &Plan, outside: &InputHashes) -> Value {
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

fn provenance(plan: &Plan, outside: &InputHashes, outcome: &RunOutcome) -> Provenance {
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
