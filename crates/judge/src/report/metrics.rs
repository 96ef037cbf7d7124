//! Reads `metrics.jsonl`, one JSON object a line, that training appends to:
//!
//! - `{"kind":"step","step":12,"loss":0.7,"grad_norm":1.2,"lr":0.0001}` after each optimiser step;
//! - `{"kind":"epoch","epoch":0,"train":81.2,"valid":74.5,"best":74.5,"examples_per_second":310.0}` after each epoch, accuracies
//!   in points; `valid` and `best` are null if nothing was evaluated.
//!
//! A number that is not finite is null (JSON has no NaN). A line replaces all earlier lines of the same or a later step or epoch,
//! since training that resumes from a snapshot repeats them.

use std::io::{BufRead, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use base::error::{Error, Result};
use base::files;

/// Maximum number of points; more are averaged in equal groups.
const MAX_STEP_POINTS: usize = 300;
const MAX_LINE: u64 = 1 << 16;
const MAX_LINES: usize = 20_000_000;

/// How a model was trained.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Curves {
    /// The task.
    pub task: String,
    /// Per optimiser step, or per group of steps.
    pub steps: Vec<StepPoint>,
    /// Per epoch.
    pub epochs: Vec<EpochPoint>,
}

/// Means over a group of steps; `None` where a step was not finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StepPoint {
    /// Last step of the group.
    pub step: u64,
    /// Training loss.
    pub loss: Option<f64>,
    /// Norm of the gradient before clipping.
    pub grad_norm: Option<f64>,
    /// Learning rate.
    pub lr: Option<f64>,
}

/// Accuracies after an epoch, in points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EpochPoint {
    /// From 0.
    pub epoch: u32,
    /// On the training data, while training.
    pub train: Option<f64>,
    /// On the validation data.
    pub valid: Option<f64>,
    /// Best on the validation data so far.
    pub best: Option<f64>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Line {
    Step {
        #[serde(flatten)]
        point: StepPoint,
    },
    Epoch {
        #[serde(flatten)]
        point: EpochPoint,
        examples_per_second: Option<f64>,
    },
}

/// Reads the curves of a task and its mean speed in examples per second, if there was an epoch.
pub fn read(path: &Path, task: &str) -> Result<(Curves, Option<f64>)> {
    let mut lines = files::text::open_text(path)?;
    let (mut steps, mut epochs, mut speeds) = (Vec::<StepPoint>::new(), Vec::<EpochPoint>::new(), Vec::new());
    let mut line = Vec::new();
    for number in 1..=MAX_LINES + 1 {
        line.clear();
        lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(|e| Error::io("read", path, &e))?;
        if line.is_empty() {
            return Ok((Curves { task: task.to_owned(), steps: thin(&steps), epochs }, mean(&speeds)));
        }
        let parsed = serde_json::from_slice(&line).map_err(|e| wrong(path, number).because(e))?;
        match parsed {
            Line::Step { point } => {
                steps.truncate(steps.partition_point(|p| p.step < point.step));
                steps.push(point);
            }
            Line::Epoch { point, examples_per_second } => {
                let keep = epochs.partition_point(|p| p.epoch < point.epoch);
                epochs.truncate(keep);
                epochs.push(point);
                speeds.truncate(keep);
                speeds.push(examples_per_second);
            }
        }
    }
    Err(wrong(path, MAX_LINES).because("there are more lines than any training writes"))
}

fn wrong(path: &Path, line: usize) -> Error {
    Error::data(format!("{} line {line} is no line of training metrics", path.display()))
        .next("remove the folder that holds it and run the stage again")
}

fn thin(steps: &[StepPoint]) -> Vec<StepPoint> {
    let group = steps.len().div_ceil(MAX_STEP_POINTS).max(1);
    steps
        .chunks(group)
        .filter_map(|chunk| {
            let over = |value: fn(&StepPoint) -> Option<f64>| mean(&chunk.iter().map(value).collect::<Vec<_>>());
            Some(StepPoint {
                step: chunk.last()?.step,
                loss: over(|p| p.loss),
                grad_norm: over(|p| p.grad_norm),
                lr: over(|p| p.lr),
            })
        })
        .collect()
}

/// Returns the mean of values; `None` if one of them is `None`.
fn mean(values: &[Option<f64>]) -> Option<f64> {
    let finite: Vec<f64> = values.iter().copied().collect::<Option<_>>()?;
    crate::verdict::statistics::mean(&finite)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn read_text(text: &str) -> Result<(Curves, Option<f64>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, text).unwrap();
        read(&path, "vqa")
    }

    #[test]
    fn steps_are_thinned_by_means() {
        let mut text = String::new();
        for step in 1..=901 {
            writeln!(text, r#"{{"kind":"step","step":{step},"loss":{step}.0,"grad_norm":2.0,"lr":0.001}}"#).unwrap();
        }
        text += r#"{"kind":"epoch","epoch":0,"train":50.0,"valid":null,"best":null,"examples_per_second":100.0}
{"kind":"epoch","epoch":1,"train":60.0,"valid":55.5,"best":55.5,"examples_per_second":300.0}
"#;
        let (curves, speed) = read_text(&text).unwrap();
        assert_eq!(curves.steps.len(), 226);
        assert_eq!(curves.steps[0], StepPoint { step: 4, loss: Some(2.5), grad_norm: Some(2.0), lr: Some(0.001) });
        assert_eq!(curves.steps[225].loss, Some(901.0));
        assert_eq!(curves.epochs[1], EpochPoint { epoch: 1, train: Some(60.0), valid: Some(55.5), best: Some(55.5) });
        assert_eq!(speed, Some(200.0));
    }

    #[test]
    fn repeated_steps_replace() {
        let step =
            |n: u64, loss: &str| format!(r#"{{"kind":"step","step":{n},"loss":{loss},"grad_norm":1,"lr":1}}"#) + "\n";
        let text = [step(1, "1"), step(2, "9"), step(3, "9"), step(2, "null"), step(3, "3")].concat();
        let losses: Vec<_> = read_text(&text).unwrap().0.steps.iter().map(|p| p.loss).collect();
        assert_eq!(losses, [Some(1.0), None, Some(3.0)]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        for bad in ["{\"kind\":\"step\"}", "{\"kind\":\"other\"}", "nonsense", "", &"x".repeat(70_000)] {
            let text = format!("{{\"kind\":\"step\",\"step\":1,\"loss\":1,\"grad_norm\":1,\"lr\":1}}\n{bad}\n");
            let error = read_text(&text).unwrap_err().to_string();
            assert!(error.contains("metrics.jsonl line 2"), "{error}");
        }
        assert_eq!(read_text("").unwrap().0.steps, []);
    }
}
