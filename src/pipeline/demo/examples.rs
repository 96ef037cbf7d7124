//! From the demo's outputs to rows of the report: accuracies judged, curves, and pictures with their questions.

use std::collections::BTreeMap;
use std::path::Path;

use super::settings::{BASELINES, SCENES, evaluate_stage, train_stage};
use super::stages::{DATA, IMAGES, MEASURED, METRICS};
use crate::demo::Manifest;
use crate::pipeline::outcome::Outcome;
use crate::pipeline::stages::{SCORE, Score, predictions_file, read_json};
use base::error::{Error, Result};
use base::files;
use data::dataset::{self, Example as Asked, Label, Prediction, Task, TaskData};
use judge::evidence::baselines::Baselines;
use judge::report::{Example, Findings, Picture, Speed, metrics};
use judge::verdict::golden::Golden;
use judge::verdict::judge::{Observed, judge_accuracy, not_run};
use judge::verdict::row::Judged;

/// Examples shown of each task; the last is a wrong answer where there is one.
const SHOWN: usize = 3;

/// Judges what the stages left by `golden`.
pub fn findings(outcome: &Outcome, golden: &Golden) -> Result<Findings> {
    let mut found = Findings::default();
    for task in Task::ALL {
        found.rows.push(judged(outcome, golden, task)?);
        if let Some(path) = outcome.output(&train_stage(task), METRICS) {
            let (curves, speed) = metrics::read(&path, task.name())?;
            found.curves.push(curves);
            let speed = speed.map(|examples_per_second| Speed { task: task.name().to_owned(), examples_per_second });
            found.speeds.extend(speed);
        }
        found.examples.extend(examples(outcome, task)?);
    }
    Ok(found)
}

fn judged(outcome: &Outcome, golden: &Golden, task: Task) -> Result<Judged> {
    let (Some(score), Some(measured)) =
        (outcome.output(&evaluate_stage(task), SCORE), outcome.output(BASELINES, MEASURED))
    else {
        return Ok(not_run(golden, task.name(), "the stages before its evaluation did not finish"));
    };
    let score: Score = read_json(&score)?;
    let measured: Baselines = read_json(&measured)?;
    let observed = Observed { accuracy: score.accuracy, n: score.n, baselines: measured.beside(task) };
    let mut row = judge_accuracy(golden, task.name(), &observed);
    row.evidence.extend(score.sentences());
    Ok(row)
}

/// A few questions with pictures, given and expected answers.
fn examples(outcome: &Outcome, task: Task) -> Result<Vec<Example>> {
    let manifest = outcome.output(SCENES, &format!("{IMAGES}/{}", Manifest::FILE));
    let predictions = outcome.output(&evaluate_stage(task), &predictions_file(task));
    let (Some(manifest), Some(predictions)) = (manifest, predictions) else { return Ok(Vec::new()) };
    let images = manifest.parent().unwrap_or(Path::new("."));
    let scenes = images.parent().unwrap_or(Path::new("."));
    let data = TaskData::load(task, &scenes.join(DATA), task.paper_splits().1)?;
    let given: BTreeMap<_, _> = dataset::read_predictions(task, &predictions)?
        .into_iter()
        .map(|Prediction { id, answer }| (id, answer))
        .collect();
    let places: BTreeMap<String, _> = Manifest::read(images)?
        .features
        .iter()
        .flat_map(|file| file.images(images))
        .map(|image| (image.id, image.path))
        .collect();
    let answered: Vec<(&Asked, &String, &Label)> =
        data.examples.iter().filter_map(|asked| Some((asked, given.get(&asked.id)?, asked.label.as_ref()?))).collect();
    let (right, wrong): (Vec<_>, Vec<_>) =
        answered.into_iter().partition(|(_, answer, label)| label.points(answer) > 0.0);
    let mut chosen: Vec<_> = spread(&right, SHOWN - 1);
    chosen.extend(wrong.first().or(right.last()));
    chosen
        .into_iter()
        .map(|&(asked, answer, label)| {
            let picture = |id: &String| {
                let path = places.get(id).ok_or_else(|| Error::bug(format!("there is no picture {id}")))?;
                Picture::from_png(&files::read_bytes(path, 1 << 20)?, &format!("drawn scene {id}"))
            };
            Ok(Example {
                task: task.name().to_owned(),
                images: asked.images.iter().map(picture).collect::<Result<_>>()?,
                question: asked.sentence.clone(),
                right: label.points(answer) > 0.0,
                answer: answer.clone(),
                expected: expected(label),
            })
        })
        .collect()
}

/// `count` items evenly spread over a list.
fn spread<T>(list: &[T], count: usize) -> Vec<&T> {
    (0..count.min(list.len())).map(|i| &list[i * list.len() / count.min(list.len())]).collect()
}

/// The best answer of a label.
fn expected(label: &Label) -> String {
    match label {
        Label::Class(class) => dataset::nlvr2_answer(*class).to_owned(),
        Label::Soft(scores) => {
            let best = scores.iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
            best.map_or_else(String::new, |(answer, _)| answer.clone())
        }
    }
}
