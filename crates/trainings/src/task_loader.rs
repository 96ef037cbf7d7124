//! Reads a task's data from paths and options, for `train`, `evaluate`, `predict` and the profiles.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::examples::{self, FeatureSource, MissingFeatures, PreparedSplit};
use super::options::Ablation;
use base::error::Result;
use base::progress::Observer;
use data::dataset::answers::LabelTable;
use data::dataset::tokenizer::Tokenizer;
use data::dataset::{FeatureFile, RowLimit, Scale, Task, TaskData, feature_files};
use data::features::{FeatureStore, Precision, ensure_store};

/// The place of a task's data and how much of them to read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskDataSettings {
    /// The task.
    pub task: Task,
    /// Folder laid out as the original's `data/`.
    pub data_root: PathBuf,
    /// Place of the feature stores.
    pub stores: StoreLocation,
    /// WordPiece vocabulary.
    pub vocab: PathBuf,
    /// `--tiny` and `--fast`.
    pub scale: Scale,
    /// Skips examples without features instead of failing; always on with a reduced scale.
    pub allow_missing_images: bool,
    /// The modality that is hidden from the model.
    pub ablation: Option<Ablation>,
}

/// The place of the feature stores that belong to a data root's TSV files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreLocation {
    /// A folder in which missing stores are built from the TSV files.
    Build {
        /// The stores' folder.
        folder: PathBuf,
        /// Element type of features.
        precision: Precision,
    },
    /// A folder with finished stores, named after the TSV files' paths below the data root. The TSV files are not read.
    Ready {
        /// The stores' folder.
        folder: PathBuf,
    },
}

/// Returns the path of a TSV file's store below the folder of [`StoreLocation::Ready`]. `tsv` is relative to the data root.
pub fn store_name(tsv: &Path) -> PathBuf {
    tsv.with_extension("safetensors")
}

impl StoreLocation {
    /// Opens the store of a feature file below the data root, building it first if needed.
    ///
    /// # Errors
    /// If the store is missing or cannot be built.
    pub fn open(&self, data_root: &Path, file: &FeatureFile, progress: &dyn Observer) -> Result<FeatureStore> {
        let limit = match file.limit {
            RowLimit::All => None,
            RowLimit::First(rows) => Some(rows),
        };
        match self {
            Self::Build { folder, precision } => ensure_store(&file.path, folder, *precision, limit, progress),
            Self::Ready { .. } => {
                let store = FeatureStore::open_checked(&self.ready(data_root, file), progress)?;
                Ok(match limit {
                    Some(rows) => store.with_limit(rows),
                    None => store,
                })
            }
        }
    }

    /// Returns the path that the store of a feature file has if stores are ready.
    pub fn ready(&self, data_root: &Path, file: &FeatureFile) -> PathBuf {
        let (Self::Build { folder, .. } | Self::Ready { folder }) = self;
        folder.join(store_name(file.path.strip_prefix(data_root).unwrap_or(&file.path)))
    }
}

/// Reads splits of a task, all with the same vocabulary and answer table.
pub struct TaskLoader {
    settings: TaskDataSettings,
    tokenizer: Tokenizer,
    labels: Option<LabelTable>,
}

impl TaskLoader {
    /// Reads the vocabulary and, for VQA and GQA, the answer table.
    pub fn new(settings: TaskDataSettings) -> Result<Self> {
        let tokenizer = Tokenizer::from_vocab_file(&settings.vocab)?;
        let labels = match settings.task {
            Task::Vqa => Some(LabelTable::vqa(&settings.data_root)?),
            Task::Gqa => Some(LabelTable::gqa(&settings.data_root)?),
            Task::Nlvr2 => None,
        };
        Ok(Self { settings, tokenizer, labels })
    }

    /// Returns the tokeniser of the vocabulary.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Returns the settings with which it was created.
    pub fn settings(&self) -> &TaskDataSettings {
        &self.settings
    }

    /// Returns the number of pieces in the vocabulary.
    pub fn vocab_size(&self) -> usize {
        self.tokenizer.vocab_size()
    }

    /// Returns the number of classes of the answer head.
    pub fn classes(&self) -> usize {
        examples::answers(self.labels.as_ref()).len()
    }

    /// Returns the answer table; `None` for NLVR2.
    pub fn labels(&self) -> Option<&LabelTable> {
        self.labels.as_ref()
    }

    /// Reads and prepares the examples of comma-separated splits with their features. Missing stores are built if the settings
    /// say so.
    ///
    /// # Errors
    /// Data or usage if files are missing or damaged, or if examples have no features and may not be skipped.
    pub fn prepare(&self, splits: &str, progress: &dyn Observer) -> Result<PreparedSplit> {
        let settings = &self.settings;
        let data = TaskData::load(settings.task, &settings.data_root, splits)?;
        let files = feature_files(settings.task, splits, settings.scale, &settings.data_root)?;
        let open = |file| settings.stores.open(&settings.data_root, file, progress);
        let stores = files.iter().map(open).collect::<Result<_>>()?;
        let missing = match (settings.allow_missing_images, settings.scale) {
            (false, Scale::Full) => MissingFeatures::Refuse,
            _ => MissingFeatures::Drop,
        };
        PreparedSplit::prepare(
            data,
            FeatureSource::new(stores)?,
            &self.tokenizer,
            self.labels.as_ref(),
            missing,
            settings.ablation,
        )
    }
}
