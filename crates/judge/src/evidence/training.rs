//! Reads how weights were trained from `outcome.json` and `metrics.jsonl` in the folder of a training, without libtorch.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::result::{MachineRecord, TrainingRecord};
use crate::report::metrics;
use base::error::{Error, Result};
use base::files::{self, ContentDigest};
use data::dataset::Task;
use lxmert_spec::weights_names::is_weights_name;

/// File that says how a training ended.
pub const OUTCOME: &str = "outcome.json";
/// File of losses and accuracies, in the same folder.
pub const METRICS: &str = "metrics.jsonl";
const LARGEST: u64 = 4 << 20;

/// Facts about a training beyond its options and data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingFacts {
    /// See [`TrainingRecord::not_loaded`].
    #[serde(default)]
    pub not_loaded: Vec<String>,
    /// See [`TrainingRecord::should_load`].
    #[serde(default)]
    pub should_load: u64,
    /// Training examples left out because their features are missing.
    #[serde(default)]
    pub train_left_out: u64,
    /// Validation examples left out for the same reason.
    #[serde(default)]
    pub valid_left_out: u64,
}

/// A fine-tuning that has ended, as its `outcome.json` describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedTraining {
    /// Its options, steps and validation accuracies.
    pub training: TrainingRecord,
    /// Best validation accuracy in points, 0 if the model was never right; `None` without validation.
    pub best: Option<f64>,
    /// Splits and number of examples of the validation.
    pub validated: Option<(String, u64)>,
    /// Validation examples left out because their features are missing.
    pub left_out: u64,
    /// Where it was computed.
    pub machine: MachineRecord,
    /// Checksums of the weights that it wrote, by file name; empty in outcomes of older versions.
    pub weights: BTreeMap<String, ContentDigest>,
    /// SHA-256 of its vocabulary; `None` in outcomes of older versions.
    pub vocabulary: Option<String>,
}

impl FinishedTraining {
    /// Returns the task that it learnt.
    pub fn task(&self) -> Option<Task> {
        self.training.task()
    }
}

#[derive(Deserialize)]
struct File {
    outcome: Outcome,
    identity: Identity,
    #[serde(default)]
    facts: TrainingFacts,
    #[serde(default)]
    weights: BTreeMap<String, ContentDigest>,
}

#[derive(Deserialize)]
struct Outcome {
    best: Option<(f64, u64)>,
    #[serde(default)]
    last_valid: Option<f64>,
    steps: u64,
}

#[derive(Deserialize)]
struct Identity {
    run: BTreeMap<String, Value>,
    machine: BTreeMap<String, Value>,
    #[serde(default)]
    vocabulary: Option<String>,
}

/// Reads the fine-tuning that ended in `folder`; `None` if there is no `outcome.json` of one.
///
/// # Errors
/// Data if a file is damaged.
pub fn read(folder: &Path) -> Result<Option<FinishedTraining>> {
    let path = folder.join(OUTCOME);
    if !path.exists() {
        return Ok(None);
    }
    let damaged = |e| {
        Error::data(format!("{} cannot be understood", path.display())).because(e).next(
            "restore it from a copy, or copy the weights beside it into a folder of their own and evaluate them there",
        )
    };
    let value: Value = serde_json::from_str(&files::read_text(&path, LARGEST)?).map_err(damaged)?;
    // Pre-training ends with losses.
    if value.pointer("/identity/run/task").is_none() {
        return Ok(None);
    }
    let File { outcome, identity, facts, weights } = serde_json::from_value(value).map_err(damaged)?;
    let metrics_file = folder.join(METRICS);
    let validation = match metrics_file.is_file() {
        true => metrics::read(&metrics_file, "")?.0.epochs.iter().map(|epoch| epoch.valid).collect(),
        false => Vec::new(),
    };
    let valid = identity.run.get("validation data").filter(|data| !data.is_null());
    let validated = valid.and_then(|data| Some((data["splits"].as_str()?.to_owned(), data["examples"].as_u64()?)));
    let best = outcome.best.map(|(score, _)| score).or(outcome.last_valid);
    Ok(Some(FinishedTraining {
        best: best.filter(|_| validated.is_some()).map(|score| score * 100.0),
        validated,
        left_out: facts.valid_left_out,
        machine: machine(&identity.machine),
        training: TrainingRecord {
            options: identity.run,
            steps: outcome.steps,
            best_epoch: outcome.best.map(|(_, epoch)| epoch),
            validation,
            not_loaded: facts.not_loaded,
            should_load: facts.should_load,
            left_out: facts.train_left_out,
            weights: weights.iter().map(|(name, content)| (name.clone(), content.sha256.clone())).collect(),
        },
        weights,
        vocabulary: identity.vocabulary,
    }))
}

fn machine(told: &BTreeMap<String, Value>) -> MachineRecord {
    let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
    let known = ["threads", "device", "program", "commit"];
    let others = told.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    MachineRecord {
        program: text("program").unwrap_or_default(),
        commit: text("commit"),
        versions: others.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
        threads: told.get("threads").and_then(Value::as_u64).unwrap_or(0),
        device: text("device").unwrap_or_default(),
        halved_batch: None,
    }
}

impl TrainingRecord {
    /// Returns the task that was learnt; `None` if the options name none.
    pub fn task(&self) -> Option<Task> {
        Task::deserialize(self.options.get("task")?).ok()
    }

    /// Returns its seed, if the options name one.
    pub fn seed(&self) -> Option<u64> {
        self.options.get("--seed").and_then(Value::as_u64)
    }
}

/// Refuses an output that would replace weights or the outcome of a training that has ended.
///
/// # Errors
/// Usage if `output` is such a file.
pub fn spare(output: &Path) -> Result<()> {
    let outcome = files::folder_of(output).join(OUTCOME);
    if !output.exists() || !outcome.exists() {
        return Ok(());
    }
    let name = output.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // An outcome that cannot be read still says that a run has ended here.
    let listed = read(files::folder_of(output)).ok().flatten().is_some_and(|ended| ended.weights.contains_key(&name));
    if !listed && !is_weights_name(&name) && name != OUTCOME {
        return Ok(());
    }
    Err(Error::usage(format!("{} belongs to a finished run and would be replaced", output.display()))
        .because(format!("{} is the run's outcome", outcome.display()))
        .next("name another file"))
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// What `repro train vqa` leaves, with this best score.
    pub(crate) fn outcome(best: Option<f64>, seed: u64) -> Value {
        json!({
            "outcome": { "train": 0.9, "best": best.map(|score| (score, 2)), "last_valid": 0.0, "steps": 40 },
            "identity": {
                "run": { "task": "vqa", "--seed": seed, "--lr": 5e-5,
                    "validation data": { "splits": "minival", "examples": 30 } },
                "machine": { "threads": 2, "device": "cpu", "program": "0.1.0", "commit": null, "tch": "0.24.0" },
            },
        })
    }

    #[test]
    fn no_output_replaces_a_finished_runs_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let put = |name: &str, text: &str| std::fs::write(at(name), text).unwrap();
        for name in ["BEST.safetensors", "LAST.pth", "Epoch01_LXRT.pth", "minival_predict.json"] {
            put(name, "x");
            spare(&at(name)).unwrap();
        }
        let mut ended = outcome(None, 1);
        ended["weights"] = json!({ "Epoch01_LXRT.pth": { "bytes": 1, "sha256": "07" } });
        for text in [ended.to_string(), "cut sho".to_owned()] {
            put(OUTCOME, &text);
            for name in ["BEST.safetensors", "LAST.pth", OUTCOME] {
                let said = spare(&at(name)).unwrap_err().to_string();
                assert!(
                    said.contains("belongs to a finished run") && said.contains("next: name another file"),
                    "{said}"
                );
            }
            for name in ["minival_predict.json", "BEST.pth", "new.safetensors"] {
                spare(&at(name)).unwrap();
            }
        }
        put(OUTCOME, &ended.to_string());
        assert!(spare(&at("Epoch01_LXRT.pth")).is_err());
    }

    #[test]
    fn an_ended_training_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        let write = |value: &Value| std::fs::write(folder.path().join(OUTCOME), value.to_string()).unwrap();
        write(&outcome(Some(0.625), 7));
        let epoch = |n: u32, valid: f64| json!({"kind":"epoch","epoch":n,"train":1.0,"valid":valid,"best":valid,"examples_per_second":1.0});
        std::fs::write(folder.path().join(METRICS), format!("{}\n{}\n", epoch(0, 50.0), epoch(1, 62.5))).unwrap();
        let ended = read(folder.path()).unwrap().unwrap();
        assert_eq!((ended.best, ended.training.seed(), ended.training.best_epoch), (Some(62.5), Some(7), Some(2)));
        assert_eq!(ended.validated, Some(("minival".into(), 30)));
        assert_eq!(ended.training.validation, [Some(50.0), Some(62.5)]);
        assert_eq!((ended.machine.threads, ended.machine.versions["tch"].as_str()), (2, "0.24.0"));

        write(&outcome(None, 7));
        assert_eq!(read(folder.path()).unwrap().unwrap().best, Some(0.0));
        write(&json!({ "outcome": {}, "identity": { "run": { "--seed": 1 }, "machine": {} } }));
        assert_eq!(read(folder.path()).unwrap(), None, "pre-training");
        write(&json!({ "outcome": {}, "identity": { "run": { "task": "vqa" }, "machine": {} } }));
        assert!(read(folder.path()).unwrap_err().to_string().contains("cannot be understood"));
    }
}
