//! Writes the output files of encoding, either one file or shards with a manifest, and recognises those that are complete.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::pairs::Pair;
use base::error::{Error, Result};
use base::files;
use checkpoint::{self, StateDict};

/// Key of the description in a file's metadata.
pub(super) const KEY: &str = "lxmert_repro.encode";
/// Name of the manifest in a folder of shards.
pub const MANIFEST: &str = "manifest.json";

/// The files that the outputs are written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputLayout {
    /// One file for all pairs, which is replaced if it exists.
    File(PathBuf),
    /// A folder with `shard-00000.safetensors` and so on, and with [`MANIFEST`] once all are complete.
    Shards {
        /// The folder.
        folder: PathBuf,
        /// Pairs per shard.
        pairs: usize,
    },
}

/// The description of a run, which each of its files holds.
#[derive(Debug, Clone, Serialize)]
pub(super) struct EncodeDescription {
    /// SHA-256 over everything that determines the content.
    pub key: String,
    /// The model's sizes and heads.
    pub model: Value,
    /// The checkpoint's file name and SHA-256.
    pub checkpoint: Value,
    /// Description of each tensor.
    pub tensors: Value,
}

/// One file of the outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutputShard {
    /// Path of the file.
    pub path: PathBuf,
    /// Indices of its pairs.
    pub pairs: Range<usize>,
}

impl OutputLayout {
    /// Returns the files for `total` pairs.
    pub(super) fn parts(&self, total: usize) -> Vec<OutputShard> {
        match self {
            Self::File(path) => vec![OutputShard { path: path.clone(), pairs: 0..total }],
            Self::Shards { folder, pairs } => {
                let size = (*pairs).max(1);
                let part = |(number, first): (usize, usize)| OutputShard {
                    path: folder.join(format!("shard-{number:05}.safetensors")),
                    pairs: first..(first + size).min(total),
                };
                (0..total).step_by(size).enumerate().map(part).collect()
            }
        }
    }

    /// Returns the path that stands for all files: the file, or the manifest.
    pub(super) fn main_path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Shards { folder, .. } => folder.join(MANIFEST),
        }
    }

    /// Checks that the folder does not hold shards of another run.
    ///
    /// # Errors
    /// Usage if it does.
    pub(super) fn check(&self, parts: &[OutputShard], description: &EncodeDescription) -> Result<()> {
        let Self::Shards { folder, .. } = self else { return Ok(()) };
        let advice = "choose another folder, or remove this one to start from scratch";
        for part in parts.iter().filter(|part| part.path.exists()) {
            if !part.is_complete(description) {
                return Err(Error::usage(format!("{} belongs to another run", part.path.display()))
                    .because("its checkpoint, pairs, features or options differ")
                    .next(advice));
            }
        }
        let beyond = folder.join(format!("shard-{:05}.safetensors", parts.len()));
        match beyond.exists() {
            false => Ok(()),
            true => {
                Err(Error::usage(format!("{} belongs to another run with more pairs", beyond.display())).next(advice))
            }
        }
    }

    /// Writes the manifest. Call it once all shards are complete.
    pub(super) fn finish(&self, parts: &[OutputShard], description: &EncodeDescription) -> Result<()> {
        let Self::Shards { folder, .. } = self else { return Ok(()) };
        let name = |part: &OutputShard| part.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let shards: Vec<Value> =
            parts.iter().map(|p| json!({"file": name(p), "first": p.pairs.start, "pairs": p.pairs.len()})).collect();
        let total = parts.last().map_or(0, |part| part.pairs.end);
        let manifest = json!({
            "schema": 1, "key": description.key, "pairs": total, "checkpoint": description.checkpoint,
            "model": description.model, "tensors": description.tensors, "shards": shards,
        });
        let text = serde_json::to_string_pretty(&manifest)
            .map_err(|e| Error::bug("the manifest cannot be written as JSON").because(e))?;
        files::write_bytes(&folder.join(MANIFEST), (text + "\n").as_bytes())
    }
}

impl OutputShard {
    /// Returns whether the file exists, is complete, and belongs to this run.
    pub(super) fn is_complete(&self, description: &EncodeDescription) -> bool {
        read_description(&self.path)
            .is_some_and(|found| found["key"] == json!(description.key) && found["first"] == json!(self.pairs.start))
    }

    /// Writes the file atomically.
    pub(super) fn write(&self, tensors: &StateDict, pairs: &[Pair], description: &EncodeDescription) -> Result<()> {
        let text = json!({
            "schema": 1, "key": description.key, "first": self.pairs.start, "pairs": pairs, "checkpoint": description.checkpoint,
            "model": description.model, "tensors": description.tensors,
        });
        let metadata = BTreeMap::from([(KEY.to_owned(), text.to_string())]);
        checkpoint::write_safetensors(&self.path, tensors, &metadata)
    }
}

/// Reads the description of an output file; `None` if it is not one, or is truncated.
pub(super) fn read_description(path: &Path) -> Option<Value> {
    let metadata = checkpoint::read_metadata(path).ok()??;
    serde_json::from_str(metadata.get(KEY)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkpoint::TensorData;
    use data::dataset::Id;

    #[test]
    fn complete_shards_are_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let output = OutputLayout::Shards { folder: folder.path().to_owned(), pairs: 2 };
        let parts = output.parts(5);
        assert_eq!(parts.iter().map(|p| p.pairs.clone()).collect::<Vec<_>>(), [0..2, 2..4, 4..5]);
        let describe = |key: &str| EncodeDescription {
            key: key.to_owned(),
            model: Value::Null,
            checkpoint: Value::Null,
            tensors: Value::Null,
        };
        let (ours, other) = (describe("ours"), describe("other"));
        let tensors = StateDict::from([("x".to_owned(), TensorData::from_f32(vec![2], vec![1.0, 2.0]).unwrap())]);
        let pair = Pair { id: Id::Int(3), images: vec!["a".to_owned()], sent: "A".to_owned() };
        parts[1].write(&tensors, std::slice::from_ref(&pair), &ours).unwrap();
        assert!(parts[1].is_complete(&ours) && !parts[1].is_complete(&other) && !parts[0].is_complete(&ours));
        output.check(&parts, &ours).unwrap();
        assert!(output.check(&parts, &other).is_err());
        assert!(output.check(&parts[..1], &ours).is_err(), "one shard too many");
        let found = read_description(&parts[1].path).unwrap();
        assert_eq!(found["pairs"], json!([{"id": 3, "img_ids": ["a"], "sent": "A"}]));
        let bytes = std::fs::read(&parts[1].path).unwrap();
        std::fs::write(&parts[1].path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(!parts[1].is_complete(&ours), "cut short");
        std::fs::rename(&parts[1].path, &parts[0].path).unwrap();
        output.finish(&parts, &ours).unwrap();
        let manifest = std::fs::read(output.main_path()).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest["shards"][2], json!({"file": "shard-00002.safetensors", "first": 4, "pairs": 1}));
    }
}
