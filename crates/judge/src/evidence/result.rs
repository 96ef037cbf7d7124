//! `result.json`: the accuracy that an evaluation measured, and with which weights, features, settings and machine.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use base::error::{Error, Result};
use base::files;
use base::host::HostFacts;
use data::dataset::{Task, metrics};

/// Name of the file.
pub const FILE: &str = "result.json";
/// The schema that this program reads and writes.
pub const SCHEMA: u32 = 1;
/// Maximum size in bytes. Real files are far smaller: the names of all weights of a model take 40 kB.
const LARGEST: u64 = 4 << 20;

/// The content of a `result.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The task.
    pub task: Task,
    /// The answered splits, separated by commas.
    pub splits: String,
    /// What the accuracy counts.
    pub metric: String,
    /// Number of answered examples.
    pub n: u64,
    /// Number of examples in the splits, answered or not.
    pub examples: u64,
    /// Number of examples left out because their features are missing.
    pub left_out: u64,
    /// Mean score of the answered examples in points, 0 to 100.
    pub accuracy: f64,
    /// NLVR2 with every example answered: sentences judged right on all their pairs of images, in points.
    pub consistency: Option<f64>,
    /// Further metrics by their names, in points; see [`metrics::beside`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measures: BTreeMap<String, f64>,
    /// Seed of the training, if known.
    pub seed: Option<u64>,
    /// The weights that answered; several form an ensemble. Empty if only predictions were scored.
    pub models: Vec<ModelRecord>,
    /// How the first of these weights was trained, if its folder says so.
    pub training: Option<TrainingRecord>,
    /// SHA-256 of the vocabulary of the tokenizer ([`data::dataset::tokenizer::Tokenizer::sha256`]); `None` if only predictions
    /// were scored, and in results of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<String>,
    /// What was hidden from the model (`vision`, `language`); `None` for a model that saw everything.
    pub without: Option<String>,
    /// The files of features that were read.
    pub features: Vec<FeatureRecord>,
    /// The answers in the submission format; `None` for a training that was only validated.
    pub predictions: Option<FileDigest>,
    /// The answers with their scores ([`super::items`]); `None` in the same case.
    pub items: Option<FileDigest>,
    /// The machine that computed it.
    pub environment: MachineRecord,
}

/// A weights file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
    /// File name without folders.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Number of parameters of the model.
    pub parameters: u64,
}

/// How weights were trained.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecord {
    /// Everything that decided the result: options by name (`--lr`), data, sizes.
    pub options: BTreeMap<String, Value>,
    /// Optimiser steps.
    pub steps: u64,
    /// The epoch, from 0, with the best validation accuracy.
    pub best_epoch: Option<u64>,
    /// Validation accuracy in points after each epoch, `None` without validation. Empty if no metrics were kept.
    pub validation: Vec<Option<f64>>,
    /// Weights that were missing in the initial checkpoint and stayed random (`--allow-missing`).
    pub not_loaded: Vec<String>,
    /// Number of weights that the initial checkpoint should have held; 0 if nothing was loaded or it is unknown.
    pub should_load: u64,
    /// Number of training examples left out because their features are missing.
    pub left_out: u64,
    /// SHA-256 of the weights that it wrote, by file name; empty in outcomes of older versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, String>,
}

/// A file of features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureRecord {
    /// Name of the TSV whose rows it holds.
    pub of: String,
    /// Number of images that were read.
    pub images: u64,
    /// Boxes per image.
    pub boxes: u64,
    /// Features per box.
    pub width: u64,
    /// `f32` or `f16`.
    pub precision: String,
    /// SHA-256 of that TSV.
    pub sha256: String,
}

/// A file beside `result.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// File name, in the same folder.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// The program and the hardware that computed a result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineRecord {
    /// Version of this program.
    pub program: String,
    /// Its git commit, if known when it was built.
    pub commit: Option<String>,
    /// Versions of the libraries that compute.
    pub versions: BTreeMap<String, String>,
    /// CPU threads.
    pub threads: u64,
    /// `cpu`, or the name of the GPU; empty if nothing was computed.
    pub device: String,
    /// Examples that were answered at a time, if the memory of the device was exhausted with as many as requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halved_batch: Option<u64>,
}

impl FileDigest {
    /// Returns the name and checksum of a file in `folder`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(folder: &Path, file: &str) -> Result<Self> {
        Ok(Self { file: file.to_owned(), sha256: files::sha256(&folder.join(file))? })
    }
}

impl From<HostFacts> for MachineRecord {
    fn from(HostFacts { program, commit, versions, threads, device, .. }: HostFacts) -> Self {
        Self { program, commit, versions, threads: threads as u64, device, halved_batch: None }
    }
}

/// Returns the name of the metric of a task.
pub fn metric(task: Task) -> &'static str {
    match task {
        Task::Vqa => "soft-score accuracy",
        Task::Gqa | Task::Nlvr2 => "accuracy",
    }
}

impl ResultRecord {
    /// Writes `result.json` into a folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|e| Error::bug(format!("{FILE} cannot be written")).because(e))?;
        text.push(b'\n');
        files::write_bytes(&folder.join(FILE), &text)
    }

    /// Reads `result.json` in a folder.
    ///
    /// # Errors
    /// Data for another schema, an unknown field, numbers that contradict each other, or a file outside the folder.
    pub fn read(folder: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            schema: u32,
        }
        let path = folder.join(FILE);
        let wrong = |e: &dyn std::fmt::Display| Error::data(format!("{} is no result", path.display())).because(e);
        let text = files::read_text(&path, LARGEST)?;
        let Head { schema } = serde_json::from_str(&text).map_err(|e| wrong(&e))?;
        if schema != SCHEMA {
            return Err(Error::data(format!("{} has schema {schema}, this program reads {SCHEMA}", path.display()))
                .next("use the program that wrote it"));
        }
        let record: Self = serde_json::from_str(&text).map_err(|e| wrong(&e))?;
        record.check().map_err(|why| wrong(&why))?;
        Ok(record)
    }

    /// Checks that its numbers do not contradict each other.
    ///
    /// # Errors
    /// The first contradiction, in a sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { n, examples, left_out, accuracy, .. } = self;
        let trained = self.training.as_ref().and_then(TrainingRecord::seed);
        if trained.is_some() && trained != self.seed {
            return Err("its seed is another one than its training's".to_owned());
        }
        if let Some(learnt) = self.training.as_ref().and_then(TrainingRecord::task)
            && learnt != self.task
        {
            return Err(format!("it is a result of {}, and its training learnt {learnt}", self.task));
        }
        if let (Some(training), Some(model)) = (&self.training, self.models.first())
            && !training.weights.is_empty()
            && !training.weights.values().any(|sha256| *sha256 == model.sha256)
        {
            let wrote: Vec<String> = training.weights.iter().map(|(name, sha256)| format!("{name} {sha256}")).collect();
            return Err(format!(
                "{} (SHA-256 {}) is not of its training, which wrote {}",
                model.file,
                model.sha256,
                wrote.join(", ")
            ));
        }
        if !(0.0..=100.0).contains(accuracy) {
            return Err(format!("its accuracy is {accuracy}, not within 0 and 100"));
        }
        if let Some((name, _)) = self.beside_accuracy().find(|(_, value)| !(0.0..=100.0).contains(value)) {
            return Err(format!("its {name} is not within 0 and 100"));
        }
        if n.checked_add(*left_out).is_none_or(|all| all > *examples) {
            return Err(format!(
                "{n} examples answered and {left_out} left out are more than the {examples} there are"
            ));
        }
        for file in [&self.predictions, &self.items].into_iter().flatten() {
            if file.file.contains('/') || file.file.starts_with('.') || file.file.is_empty() {
                return Err(format!("it names {:?}, which is no file beside it", file.file));
            }
        }
        Ok(())
    }

    /// Returns the metrics beside the accuracy by their names, in points.
    pub fn beside_accuracy(&self) -> impl Iterator<Item = (&str, f64)> {
        let consistency = self.consistency.map(|value| (metrics::CONSISTENCY, value));
        consistency.into_iter().chain(self.measures.iter().map(|(name, value)| (name.as_str(), *value)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An evaluation of three VQA examples without deviations.
    pub(crate) fn sample() -> ResultRecord {
        ResultRecord {
            schema: SCHEMA,
            task: Task::Vqa,
            splits: "minival".into(),
            metric: metric(Task::Vqa).into(),
            n: 3,
            examples: 3,
            left_out: 0,
            accuracy: 50.0,
            consistency: None,
            measures: BTreeMap::new(),
            seed: Some(9595),
            models: vec![ModelRecord { file: "BEST.safetensors".into(), sha256: "a1".into(), parameters: 7 }],
            training: Some(TrainingRecord {
                options: BTreeMap::from([("--seed".into(), 9595.into()), ("task".into(), "vqa".into())]),
                weights: BTreeMap::from([("BEST.safetensors".into(), "a1".into())]),
                ..TrainingRecord::default()
            }),
            vocabulary: Some("07".into()),
            without: None,
            features: Vec::new(),
            predictions: None,
            items: None,
            environment: HostFacts::computing("cpu", 2, BTreeMap::new()).into(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        sample().write(folder.path()).unwrap();
        assert_eq!(ResultRecord::read(folder.path()).unwrap(), sample());
    }

    #[test]
    fn contradictions_are_named() {
        let folder = tempfile::tempdir().unwrap();
        sample().write(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to, message) in [
            ("\"schema\": 1", "\"schema\": 2", "schema 2, this program reads 1"),
            ("\"n\": 3", "\"n\": 4", "4 examples answered and 0 left out are more than the 3"),
            ("\"accuracy\": 50.0", "\"accuracy\": 150.0", "accuracy is 150"),
            ("\"accuracy\": 50.0", "\"accuracy\": null", "invalid type: null"),
            ("\"n\": 3", "\"m\": 3", "unknown field `m`"),
            (
                "\"task\": \"vqa\",\n  \"splits",
                "\"task\": \"gqa\",\n  \"splits",
                "a result of gqa, and its training learnt vqa",
            ),
            (
                "\"sha256\": \"a1\"",
                "\"sha256\": \"b2\"",
                "BEST.safetensors (SHA-256 b2) is not of its training, which wrote BEST.safetensors a1",
            ),
            ("\"items\": null", "\"items\": {\"file\": \"../x\", \"sha256\": \"\"}", "no file beside it"),
        ] {
            assert!(text.contains(from), "{from}");
            std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
            let error = ResultRecord::read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
