//! Picks a few of the demo's questions with pictures and answers for the report.

use std::collections::BTreeMap;
use std::path::Path;

use super::settings::SCENES;
use super::stages::{DATA, IMAGES};
use crate::demo::DemoManifest;
use crate::pipeline::outcome::RunOutcome;
use crate::pipeline::stages::predictions_file;
use base::error::{Error, Result};
use base::files;
use data::dataset::{self, Example as Asked, Label, Prediction, Task, TaskData};
use judge::evidence::stages::evaluate_stage;
use judge::report::{Example, Picture};
use lxmert_spec::paper::fine_tuning;

/// Number of examples per task; the last is a wrong answer if there is one.
const SHOWN: usize = 3;

/// Returns the examples of all evaluated tasks.
///
/// # Errors
/// Data for a damaged output of a stage.
pub(super) fn examples(outcome: &RunOutcome) -> Result<Vec<Example>> {
    let each = Task::ALL.map(|task| of_task(outcome, task));
    Ok(each.into_iter().collect::<Result<Vec<_>>>()?.concat())
}

fn of_task(outcome: &RunOutcome, task: Task) -> Result<Vec<Example>> {
    let manifest = outcome.output(SCENES, &format!("{IMAGES}/{}", DemoManifest::FILE));
    let predictions = outcome.output(&evaluate_stage(task), &predictions_file(task));
    let (Some(manifest), Some(predictions)) = (manifest, predictions) else { return Ok(Vec::new()) };
    let images = manifest.parent().unwrap_or(Path::new("."));
    let scenes = images.parent().unwrap_or(Path::new("."));
    let data = TaskData::load(task, &scenes.join(DATA), fine_tuning(task).valid)?;
    let given: BTreeMap<_, _> = dataset::read_predictions(task, &predictions)?
        .into_iter()
        .map(|Prediction { id, answer }| (id, answer))
        .collect();
    let places: BTreeMap<String, _> = DemoManifest::read(images)?
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
                let path = places.get(id).ok_or_else(|| Error::bug(format!("picture {id} is missing")))?;
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

/// Picks `count` items evenly spread over a list.
fn spread<T>(list: &[T], count: usize) -> Vec<&T> {
    (0..count.min(list.len())).map(|i| &list[i * list.len() / count.min(list.len())]).collect()
}

/// Returns the best-scored answer of a label.
fn expected(label: &Label) -> String {
    match label {
        Label::Class(class) => dataset::nlvr2_answer(*class).to_owned(),
        Label::Soft(scores) => {
            let best = scores.iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
            best.map_or_else(String::new, |(answer, _)| answer.clone())
        }
    }
}
