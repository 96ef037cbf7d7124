//! Recognises a finished run in an output folder, whichever training it was, and refuses to overwrite it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::Deserialize;
use serde_json::Value;

use super::outcome::{self, FILE_NAME};
use base::clock;
use base::error::{Error, Result};

/// Maximum number of differing settings that a message lists.
const NAMED: usize = 8;

/// The outcome of a fine-tuning or a pre-training.
#[derive(Debug, Deserialize)]
pub(super) struct FinishedRun {
    outcome: Value,
    identity: RunOptions,
}

#[derive(Debug, Deserialize)]
struct RunOptions {
    run: BTreeMap<String, Value>,
}

impl FinishedRun {
    /// Reads the outcome of the run that finished in a folder; `None` if none did.
    ///
    /// # Errors
    /// If there is an outcome that cannot be read.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        outcome::read_json(folder)
    }

    /// Whether this run and one with the options `now` are both fine-tunings, or both pre-trainings.
    pub(crate) fn is_same_kind_as(&self, now: &BTreeMap<String, Value>) -> bool {
        self.identity.run.contains_key("task") == now.contains_key("task")
    }

    /// Returns the error for starting a run with the options `now` in the folder of this one.
    pub(crate) fn refusal(&self, folder: &Path, now: &BTreeMap<String, Value>) -> Error {
        let then = &self.identity.run;
        let differing = match self.is_same_kind_as(now) {
            true => differing(then, now),
            false => vec![format!("task: {} -> {}", task(then), task(now))],
        };
        let more = differing.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (settings, resume) = match differing.is_empty() {
            true => ("with the same settings".to_owned(), "--resume to print its result again"),
            false => (
                format!("with other settings ({}{more})", differing[..differing.len().min(NAMED)].join(", ")),
                "--resume with that run's settings to print its result again",
            ),
        };
        let path = folder.join(FILE_NAME);
        let date = path.metadata().ok().and_then(|about| about.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        let date = date.map(|date| format!(", {}", clock::rfc3339(date.as_secs()))).unwrap_or_default();
        Error::usage(format!(
            "{} holds a finished run: {}, {settings}, {}{date}",
            folder.display(),
            task(then),
            self.best()
        ))
        .because(format!("{} is its outcome; training here would overwrite it and its weights", path.display()))
        .next(format!(
            "pass {resume}, --restart to move it aside and train again (nothing is deleted), or name another --output"
        ))
    }

    /// Returns the best score in points, or the lowest loss, for a message.
    fn best(&self) -> String {
        let number = |pointer: &str| self.outcome.pointer(pointer).and_then(Value::as_f64);
        let points = |score: f64| (score * 1e4).round() / 100.0;
        match (number("/best/0"), number("/best/loss"), number("/train"), number("/train_loss")) {
            (Some(score), ..) => format!("best {}", points(score)),
            (_, Some(loss), ..) => format!("best loss {loss:.4}"),
            (.., Some(score), _) => format!("no best epoch, training score {}", points(score)),
            (.., Some(loss)) => format!("no best epoch, training loss {loss:.4}"),
            _ => "no score".to_owned(),
        }
    }
}

/// Returns the task of a run with these options.
fn task(run: &BTreeMap<String, Value>) -> String {
    run.get("task").map_or_else(|| "pretrain".to_owned(), shown)
}

/// Returns "name: then -> now" for each option whose value differs. Options that are missing in `now` are ignored.
fn differing(then: &BTreeMap<String, Value>, now: &BTreeMap<String, Value>) -> Vec<String> {
    let mut all = Vec::new();
    for (name, value) in now {
        match (then.get(name), value) {
            (Some(Value::Object(before)), Value::Object(after)) => {
                let absent = before.keys().filter(|field| !after.contains_key(*field));
                for field in after.keys().chain(absent) {
                    compare(&mut all, &format!("{name} {field}"), before.get(field), after.get(field));
                }
            }
            (before, after) => compare(&mut all, name, before, Some(after)),
        }
    }
    all
}

fn compare(all: &mut Vec<String>, name: &str, before: Option<&Value>, after: Option<&Value>) {
    let show = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), shown);
    if before != after {
        all.push(format!("{name}: {} -> {}", show(before), show(after)));
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use base::error::Kind;

    fn options(value: Value) -> BTreeMap<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_finished_run_is_named_with_the_settings_that_differ() {
        let folder = tempfile::tempdir().unwrap();
        let vqa = json!({ "task": "vqa", "--lr": 5e-5, "start": { "--load-lxmert": "a" }, "training data": 1 });
        let pretraining = json!({ "tasks": ["Mask_LM"], "--lr": 5e-5 });
        let left = |outcome: Value, run: &Value| {
            let text = json!({ "outcome": outcome, "identity": { "run": run, "machine": {} } }).to_string();
            std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
            FinishedRun::read(folder.path()).unwrap().unwrap()
        };
        for (outcome, then, now, wanted) in [
            (
                json!({ "best": [0.699, 3], "train": 1.0 }),
                &vqa,
                vqa.clone(),
                "vqa, with the same settings, best 69.9, 2",
            ),
            (
                json!({ "best": null, "train": 0.5 }),
                &vqa,
                json!({ "task": "gqa", "--lr": 1e-5, "start": { "--from-scratch": true } }),
                "vqa, with other settings (--lr: 0.00005 -> 0.00001, start --from-scratch: absent -> true, start --load-lxmert: \
                 a -> absent, task: vqa -> gqa), no best epoch, training score 50, 2",
            ),
            (
                json!({ "best": { "loss": 1.25, "epoch": 1 } }),
                &pretraining,
                vqa.clone(),
                "pretrain, with other settings (task: pretrain -> vqa), best loss 1.2500, 2",
            ),
            (
                json!({ "best": [0.5, 0] }),
                &vqa,
                pretraining.clone(),
                "vqa, with other settings (task: vqa -> pretrain), best 50, 2",
            ),
        ] {
            let error = left(outcome, then).refusal(folder.path(), &options(now));
            assert_eq!(error.kind(), Kind::Usage);
            assert!(error.what().contains(&format!(" holds a finished run: {wanted}")), "{error}");
            let text = error.to_string();
            assert!(
                ["--resume", "--restart", "another --output", FILE_NAME].iter().all(|way| text.contains(way)),
                "{text}"
            );
        }
    }

    #[test]
    fn an_unreadable_outcome_counts_as_an_outcome() {
        let folder = tempfile::tempdir().unwrap();
        assert!(FinishedRun::read(folder.path()).unwrap().is_none());
        let path = folder.path().join(FILE_NAME);
        for content in ["", "{}", "{\"outcome\": 1}", "null"] {
            std::fs::write(&path, content).unwrap();
            let error = FinishedRun::read(folder.path()).unwrap_err();
            assert_eq!(error.kind(), Kind::Data);
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        assert!(FinishedRun::read(folder.path()).unwrap_err().to_string().contains(FILE_NAME));
    }
}
