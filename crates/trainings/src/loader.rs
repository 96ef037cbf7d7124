//! From paths and options to a task's data: what `train`, `evaluate`, `predict` and the profiles share.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::choices::Ablation;
use super::examples::{self, Missing, Questions, Source};
use base::error::Result;
use base::progress::Observer;
use data::dataset::answers::LabelTable;
use data::dataset::tokenizer::Tokenizer;
use data::dataset::{FeatureFile, Limit, Scale, Task, TaskData, feature_files};
use data::features::{FeatureStore, Precision, ensure_store};

/// Where a task's data are and how much of them to read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// The task.
    pub task: Task,
    /// Folder laid out as the original's `data/`.
    pub data_root: PathBuf,
    /// Where features come from.
    pub stores: Stores,
    /// WordPiece vocabulary.
    pub vocab: PathBuf,
    /// `--tiny` and `--fast`.
    pub scale: Scale,
    /// Leave out examples without features instead of refusing; always so under a reduced scale.
    pub allow_missing_images: bool,
    /// Leaves a modality out.
    pub ablation: Option<Ablation>,
}

/// Where the feature stores of a data root's TSV files are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stores {
    /// Built here from the TSV files where they are not there yet.
    Build {
        /// The stores' folder.
        folder: PathBuf,
        /// Element type of features.
        precision: Precision,
    },
    /// Here already, under the TSV files' paths below the data root; the TSV files are not looked at.
    Ready {
        /// The stores' folder.
        folder: PathBuf,
    },
}

/// The name of a TSV's store below [`Stores::Ready`]'s folder; `tsv` is below the data root.
pub fn store_name(tsv: &Path) -> PathBuf {
    tsv.with_extension("safetensors")
}

impl Stores {
    /// The store of a feature file below the data root.
    ///
    /// # Errors
    /// Where it is not there, or cannot be built.
    pub fn open(&self, data_root: &Path, file: &FeatureFile, progress: &dyn Observer) -> Result<FeatureStore> {
        let limit = match file.limit {
            Limit::All => None,
            Limit::First(rows) => Some(rows),
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

    /// Where the store of a feature file lies, if stores are ready.
    pub fn ready(&self, data_root: &Path, file: &FeatureFile) -> PathBuf {
        let (Self::Build { folder, .. } | Self::Ready { folder }) = self;
        folder.join(store_name(file.path.strip_prefix(data_root).unwrap_or(&file.path)))
    }
}

/// Reads splits with one tokeniser and one answer table.
pub struct Loader {
    settings: DataSettings,
    tokenizer: Tokenizer,
    labels: Option<LabelTable>,
}

impl Loader {
    /// Reads the vocabulary and, for VQA and GQA, the answer table.
    pub fn new(settings: DataSettings) -> Result<Self> {
        let tokenizer = Tokenizer::from_vocab_file(&settings.vocab)?;
        let labels = match settings.task {
            Task::Vqa => Some(LabelTable::vqa(&settings.data_root)?),
            Task::Gqa => Some(LabelTable::gqa(&settings.data_root)?),
            Task::Nlvr2 => None,
        };
        Ok(Self { settings, tokenizer, labels })
    }

    /// Cuts sentences.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Where they are and how much of them is read.
    pub fn settings(&self) -> &DataSettings {
        &self.settings
    }

    /// Words of the vocabulary.
    pub fn vocab_size(&self) -> usize {
        self.tokenizer.vocab_size()
    }

    /// Answers of the head.
    pub fn classes(&self) -> usize {
        examples::answers(self.labels.as_ref()).len()
    }

    /// The answer table (VQA, GQA).
    pub fn labels(&self) -> Option<&LabelTable> {
        self.labels.as_ref()
    }

    /// The examples of a comma list of splits with their features; stores are built where they are not there yet.
    pub fn questions(&self, splits: &str, progress: &dyn Observer) -> Result<Questions> {
        let settings = &self.settings;
        let data = TaskData::load(settings.task, &settings.data_root, splits)?;
        let files = feature_files(settings.task, splits, settings.scale, &settings.data_root)?;
        let open = |file| settings.stores.open(&settings.data_root, file, progress);
        let stores = files.iter().map(open).collect::<Result<_>>()?;
        let missing = match (settings.allow_missing_images, settings.scale) {
            (false, Scale::Full) => Missing::Refuse,
            _ => Missing::Drop,
        };
        Questions::prepare(
            data,
            Source::new(stores)?,
            &self.tokenizer,
            self.labels.as_ref(),
            missing,
            settings.ablation,
        )
    }
}
