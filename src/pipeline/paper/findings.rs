//! The measured accuracies beside the published ones.

use super::rate::METRICS;
use super::settings::{FETCH, PREPARE, Settings, evaluate_stage, train_stage};
use crate::pipeline::outcome::Outcome;
use crate::pipeline::stages::{SCORE, Score, read_json};
use base::error::Result;
use data::dataset::Task;
use judge::grade::golden::{Content, GoldenFile};
use judge::grade::rows::unpinned;
use judge::report::{AssetRecord, Findings, Speed, metrics};
use judge::verdict::published::Published;
use judge::verdict::row::Judged;
use judge::verdict::train::{Measured, Run, judge};

/// The published files, among the outputs of [`FETCH`] and [`PREPARE`].
pub(super) const ASSETS: &str = "assets.json";

/// Places what the stages left beside what was published.
///
/// # Errors
/// Data for an output that is not what its stage writes.
pub(super) fn findings(outcome: &Outcome, settings: &Settings, published: &Published) -> Result<Findings> {
    let mut found = Findings::default();
    let golden = GoldenFile::load("published")?;
    if matches!(&golden.content, Content::Published(embedded) if embedded == published) {
        found.golden.push(golden.record);
    }
    let assets = [PREPARE, FETCH].into_iter().find_map(|stage| outcome.output(stage, ASSETS));
    if let Some(path) = assets {
        found.assets = read_json::<Vec<AssetRecord>>(&path)?;
    }
    for &task in &settings.tasks {
        found.rows.push(judged(outcome, settings, published, task, &found.assets)?);
        if let Some(path) = outcome.output(&train_stage(task), METRICS) {
            let (curves, speed) = metrics::read(&path, task.name())?;
            found.curves.push(curves);
            let speed = speed.map(|examples_per_second| Speed { task: task.name().to_owned(), examples_per_second });
            found.speeds.extend(speed);
        }
    }
    Ok(found)
}

fn judged(
    outcome: &Outcome,
    settings: &Settings,
    published: &Published,
    task: Task,
    assets: &[AssetRecord],
) -> Result<Judged> {
    let run = |result| Run { name: "this run".into(), seed: Some(settings.seed), result };
    let Some(score) = outcome.output(&evaluate_stage(task), SCORE) else {
        let why = "the stages before its evaluation did not finish".into();
        return Ok(judge(published, task.name(), &[run(Err(why))]));
    };
    let score: Score = read_json(&score)?;
    let measured = Measured {
        accuracy: score.accuracy,
        n: score.n,
        splits: task.paper_splits().1.to_owned(),
        departures: settings.departures().into_iter().map(Into::into).collect(),
        majority: None,
    };
    let mut row = judge(published, task.name(), &[run(Ok(measured))]);
    row.evidence.extend(score.sentences());
    let unpinned = unpinned(assets, task);
    let remedy = remedy(settings, &unpinned);
    Ok(row.limited_by_unpinned(&unpinned, &remedy))
}

/// What a person does about unpinned files.
fn remedy(settings: &Settings, unpinned: &[String]) -> String {
    let (assets, strange): (Vec<&str>, Vec<&str>) =
        unpinned.iter().map(String::as_str).partition(|name| settings.assets.manifest.asset(name).is_some());
    let mut advice = Vec::new();
    if !assets.is_empty() {
        advice.push(format!("pin what has arrived, if you trust its source: repro fetch --pin {}", assets.join(" ")));
    }
    if !strange.is_empty() {
        let places = strange.join(", ");
        advice.push(format!("these did not come from their archives; move them away and have them unpacked: {places}"));
    }
    advice.join("; ")
}
