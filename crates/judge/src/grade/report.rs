//! Builds the report of judged rows and the runs behind them.

use std::collections::BTreeMap;

use super::assess::Assessment;
use crate::evidence::result::{FILE, MachineRecord};
use crate::evidence::run::{RunEvidence, TaskEvidence};
use crate::report::metrics::{self, Curves};
use crate::report::{
    Environment, Example, Failure, FileRecord, Provenance, Report, ReportTimes, SCHEMA, StageRow, about,
};
use base::clock;
use base::error::{Error, Result};
use base::files;

/// Name of the profile in reports of judged runs.
pub const PROFILE: &str = "check";

/// Everything in a report except the judged rows.
#[derive(Debug, Clone, Default)]
pub struct ReportFacts {
    /// See [`Report::title`].
    pub title: String,
    /// See [`Report::profile`].
    pub profile: String,
    /// See [`Report::run`].
    pub run: String,
    /// See [`Report::failure`].
    pub failure: Option<Failure>,
    /// See [`Report::stages`].
    pub stages: Vec<StageRow>,
    /// See [`Report::curves`].
    pub curves: Vec<Curves>,
    /// See [`Report::examples`].
    pub examples: Vec<Example>,
    /// See [`Report::environment`].
    pub environment: Environment,
    /// See [`Report::provenance`].
    pub provenance: Provenance,
    /// See [`Report::times`].
    pub times: ReportTimes,
}

impl Assessment {
    /// Returns the report of these rows with their overall verdict and the given facts.
    pub fn report(self, facts: ReportFacts) -> Report {
        let Self { rows, golden } = self;
        let (verdict, summary) = Report::conclude(&rows, facts.failure.as_ref());
        Report {
            schema: SCHEMA,
            title: facts.title,
            about: about(&facts.profile, &rows),
            profile: facts.profile,
            run: facts.run,
            verdict,
            summary,
            rows,
            golden,
            before: None,
            failure: facts.failure,
            stages: facts.stages,
            curves: facts.curves,
            examples: facts.examples,
            environment: facts.environment,
            provenance: facts.provenance,
            times: facts.times,
        }
    }
}

/// Returns the report of `repro check` on these runs.
///
/// # Errors
/// If a file of a run cannot be read.
pub fn report(runs: &[RunEvidence], assessment: Assessment) -> Result<Report> {
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let now = Some(clock::now());
    Ok(assessment.report(ReportFacts {
        title: match runs {
            [] => "LXMERT: features compared".to_owned(),
            [run] => format!("LXMERT: {} judged", run.name),
            runs => format!("LXMERT: {} runs judged", runs.len()),
        },
        profile: PROFILE.to_owned(),
        run: if names.is_empty() { PROFILE.to_owned() } else { names.join(", ") },
        curves: curves(runs)?,
        environment: environment(runs),
        provenance: provenance(runs)?,
        times: ReportTimes { started: now.clone(), finished: now, ..ReportTimes::default() },
        ..ReportFacts::default()
    }))
}

fn found(run: &RunEvidence) -> impl Iterator<Item = &TaskEvidence> {
    run.tasks.iter().filter_map(|(_, found)| found.as_ref().ok())
}

fn curves(runs: &[RunEvidence]) -> Result<Vec<Curves>> {
    let mut all = Vec::new();
    for run in runs {
        for of in found(run) {
            let Some(path) = &of.metrics else { continue };
            let task = of.record.task;
            let title = if runs.len() > 1 { format!("{task} {}", run.name) } else { task.to_string() };
            all.push(metrics::read(path, &title)?.0);
        }
    }
    Ok(all)
}

/// Returns the judged files: results with items and predictions, and the weights that they name.
fn provenance(runs: &[RunEvidence]) -> Result<Provenance> {
    let mut all = Provenance::default();
    for run in runs {
        for of in found(run) {
            let below = of.folder.strip_prefix(&run.folder).unwrap_or(&of.folder);
            let name = |file: &str| format!("{}/{}", run.name, below.join(file).display());
            let path = of.folder.join(FILE);
            if path.is_file() {
                let bytes = path.metadata().map_err(|e| Error::io("look at", &path, &e))?.len();
                let sha256 = Some(files::sha256(&path)?);
                all.inputs.push(FileRecord { name: name(FILE), bytes: Some(bytes), sha256 });
            }
            let known = [&of.record.items, &of.record.predictions].into_iter().flatten();
            let known = known.map(|file| (&file.file, &file.sha256));
            let models = of.record.models.iter().map(|model| (&model.file, &model.sha256));
            for (file, sha256) in known.chain(models) {
                all.inputs.push(FileRecord { name: name(file), bytes: None, sha256: Some(sha256.clone()) });
            }
        }
        for asset in run.assets.iter().flatten() {
            if !all.assets.contains(asset) {
                all.assets.push(asset.clone());
            }
        }
    }
    Ok(all)
}

/// Returns the environment of the runs; a value that differs between them is followed by the names of its runs.
fn environment(runs: &[RunEvidence]) -> Environment {
    let each: Vec<(&str, Environment)> =
        runs.iter().filter_map(|run| Some((run.name.as_str(), of_run(run)?))).collect();
    let mut merged = each.first().map(|(_, environment)| environment.clone()).unwrap_or_default();
    let mut names: Vec<&String> = each.iter().flat_map(|(_, of)| of.versions.keys()).collect();
    names.sort();
    names.dedup();
    let version = |name: &str| {
        joined(each.iter().map(|(run, of)| (*run, of.versions.get(name).cloned().unwrap_or("none".into()))))
    };
    merged.versions = names.into_iter().map(|name| (name.clone(), version(name))).collect();
    merged.program = joined(each.iter().map(|(run, of)| (*run, of.program.clone())));
    merged.cpu = joined(each.iter().map(|(run, of)| (*run, of.cpu.clone())));
    merged.os = joined(each.iter().map(|(run, of)| (*run, of.os.clone())));
    let threads = joined(each.iter().map(|(run, of)| (*run, of.threads.to_string())));
    if threads.contains(';') {
        merged.versions.insert("threads of each".to_owned(), threads);
    }
    merged.seeds = runs.iter().flat_map(|run| run.tasks.iter().filter_map(|(task, _)| run.seed(*task))).collect();
    merged.seeds.sort_unstable();
    merged.seeds.dedup();
    merged.versions.insert("judged by".to_owned(), base::versions::title());
    merged
}

/// Returns the environment of a run from its journal or, without one, from its results.
fn of_run(run: &RunEvidence) -> Option<Environment> {
    if let Some(journal) = &run.journal {
        return Some(journal.environment.clone());
    }
    let MachineRecord { program, commit, versions, threads, device, .. } = &found(run).next()?.record.environment;
    let mut versions = versions.clone();
    if !device.is_empty() {
        versions.insert("device".to_owned(), device.clone());
    }
    Some(Environment {
        program: program.clone(),
        commit: commit.clone(),
        versions,
        threads: *threads as usize,
        ..Environment::default()
    })
}

/// Returns the value that all runs share, or each value with the names of its runs.
fn joined<'r>(values: impl Iterator<Item = (&'r str, String)>) -> String {
    let mut whose: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (run, value) in values {
        whose.entry(value).or_default().push(run);
    }
    match whose.len() {
        0 => String::new(),
        1 => whose.into_keys().collect(),
        _ => whose
            .into_iter()
            .map(|(value, runs)| format!("{value} ({})", runs.join(", ")))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_with_whose_it_is() {
        let values =
            |list: &[(&'static str, &str)]| joined(list.iter().map(|(run, value)| (*run, (*value).to_owned())));
        assert_eq!(values(&[("a", "2.11.0"), ("b", "2.11.0")]), "2.11.0");
        assert_eq!(values(&[("a", "2.11.0"), ("b", "2.10.0"), ("c", "2.11.0")]), "2.10.0 (b); 2.11.0 (a, c)");
        assert_eq!(values(&[]), "");
    }
}
