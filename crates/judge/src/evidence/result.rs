//! `result.json`: what an evaluation measured, with which weights, features and settings, and where.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use base::error::{Error, Result};
use base::files;
use base::host::HostFacts;
use data::dataset::{Task, metrics};

/// Its name in a folder.
pub const FILE: &str = "result.json";
/// The way it is written.
pub const SCHEMA: u32 = 1;
/// Far more than any: the names of all weights of a model are 40 kB.
const LARGEST: u64 = 4 << 20;

/// What an evaluation measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The task.
    pub task: Task,
    /// Comma list of the splits that were answered.
    pub splits: String,
    /// What the accuracy counts.
    pub metric: String,
    /// Examples answered.
    pub n: u64,
    /// Examples of the splits, answered or not.
    pub examples: u64,
    /// Examples left out for want of features.
    pub left_out: u64,
    /// Mean score of the answered examples in points, 0 to 100.
    pub accuracy: f64,
    /// NLVR2 with every example answered: sentences judged right on all their pairs of images, in points.
    pub consistency: Option<f64>,
    /// Further metrics by their names, in points; see [`metrics::beside`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measures: BTreeMap<String, f64>,
    /// Seed of the training, where known.
    pub seed: Option<u64>,
    /// The weights that answered; several answered together. Empty where only predictions were scored.
    pub models: Vec<ModelRecord>,
    /// How the first of these weights came about, where that lies beside them.
    pub training: Option<Training>,
    /// SHA-256 of the vocabulary that questions were cut with ([`data::dataset::tokenizer::Tokenizer::sha256`]); absent where
    /// only predictions were scored, and in results of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<String>,
    /// What was kept from the model (`vision`, `language`); none for a model that saw everything.
    pub without: Option<String>,
    /// The features that were read, one entry a file.
    pub features: Vec<FeatureRecord>,
    /// The answers as the task's server takes them; none of a training that was only validated.
    pub predictions: Option<FileDigest>,
    /// The answers with their scores ([`super::items`]); likewise.
    pub items: Option<FileDigest>,
    /// Where it was computed.
    pub environment: Machine,
}

/// A weights file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
    /// Its name without folders.
    pub file: String,
    /// Of its content.
    pub sha256: String,
    /// Numbers that the model holds.
    pub parameters: u64,
}

/// How weights were trained.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// What decided the result: options by their names (`--lr`), data, sizes.
    pub options: BTreeMap<String, Value>,
    /// Optimiser steps.
    pub steps: u64,
    /// The epoch, from 0, with the best validation accuracy.
    pub best_epoch: Option<u64>,
    /// Validation accuracy in points after each epoch; none where nothing was validated. Empty where it was not kept.
    pub validation: Vec<Option<f64>>,
    /// Weights that the start checkpoint should have given and did not, which stayed random (`--allow-missing`).
    pub not_loaded: Vec<String>,
    /// Weights that it should have given; 0 where nothing was loaded or it is not known.
    pub should_load: u64,
    /// Training examples left out for want of features.
    pub left_out: u64,
    /// The weights that it wrote: their files' names and SHA-256. Empty if its outcome names none: an older program wrote it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, String>,
}

/// A file of features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureRecord {
    /// Name of the TSV that it holds.
    pub of: String,
    /// Images that were read.
    pub images: u64,
    /// Boxes an image.
    pub boxes: u64,
    /// Features a box.
    pub width: u64,
    /// `f32` or `f16`.
    pub precision: String,
    /// Of the TSV's bytes that it holds.
    pub sha256: String,
}

/// A file beside `result.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its name, in the same folder.
    pub file: String,
    /// Of its content.
    pub sha256: String,
}

/// What computed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Version of this program.
    pub program: String,
    /// Its git commit, where known when it was built.
    pub commit: Option<String>,
    /// Versions of what the arithmetic stands on.
    pub versions: BTreeMap<String, String>,
    /// CPU threads.
    pub threads: u64,
    /// `cpu`, or a GPU with its name; empty where nothing was computed.
    pub device: String,
}

impl FileDigest {
    /// Of a file in `folder`.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(folder: &Path, file: &str) -> Result<Self> {
        Ok(Self { file: file.to_owned(), sha256: files::sha256(&folder.join(file))? })
    }
}

impl From<HostFacts> for Machine {
    fn from(HostFacts { program, commit, versions, threads, device, .. }: HostFacts) -> Self {
        Self { program, commit, versions, threads: threads as u64, device }
    }
}

/// What a task's accuracy counts.
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
    /// Where it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|e| Error::bug(format!("{FILE} cannot be written")).because(e))?;
        text.push(b'\n');
        files::write_bytes(&folder.join(FILE), &text)
    }

    /// Reads a folder's.
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

    /// Whether its numbers can be those of one evaluation.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { n, examples, left_out, accuracy, .. } = self;
        let trained = self.training.as_ref().and_then(Training::seed);
        if trained.is_some() && trained != self.seed {
            return Err("its seed is another one than its training's".to_owned());
        }
        if let Some(learnt) = self.training.as_ref().and_then(Training::task)
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

    /// A faithful evaluation of three VQA examples.
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
            training: Some(Training {
                options: BTreeMap::from([("--seed".into(), 9595.into()), ("task".into(), "vqa".into())]),
                weights: BTreeMap::from([("BEST.safetensors".into(), "a1".into())]),
                ..Training::default()
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
