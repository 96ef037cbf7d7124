//! From paths and options to data and a model: what `train`, `evaluate`, `predict` and the demo share.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tch::Device;

use super::questions::{self, Ablation, Missing, Questions, Source};
use super::weights::{self, Description};
use crate::model::TaskModel;
use base::error::{Error, Result};
use base::files;
use checkpoint::StateDict;
use data::dataset::answers::{AnswerTable, Coverage, GQA_COVERAGE, LabelTable, VQA_COVERAGE};
use data::dataset::tokenizer::Tokenizer;
use data::dataset::{FeatureFile, Limit, Scale, Task, TaskData, feature_files};
use data::features::progress::Progress;
use data::features::{FeatureStore, Precision, ensure_store};
use lxmert_spec::Config;
use lxmert_spec::description::check_vocabulary;
use lxmert_spec::loading::{LoadReport, Policy, bert_weights, hf, locate};

/// The largest published vocabulary has 1 MB.
const LARGEST_VOCAB: u64 = 16 << 20;

/// Where a task's data are and how much of them to read.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
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
    pub fn open(&self, data_root: &Path, file: &FeatureFile, progress: &dyn Progress) -> Result<FeatureStore> {
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

    /// Words of the vocabulary.
    pub fn vocab_size(&self) -> usize {
        self.tokenizer.vocab_size()
    }

    /// Answers of the head.
    pub fn classes(&self) -> usize {
        questions::answers(self.labels.as_ref()).len()
    }

    /// The answer table (VQA, GQA).
    pub fn labels(&self) -> Option<&LabelTable> {
        self.labels.as_ref()
    }

    /// The examples of a comma list of splits with their features; stores are built where they are not there yet.
    pub fn questions(&self, splits: &str, progress: &dyn Progress) -> Result<Questions> {
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

/// Where a model's first weights come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Drawn from N(0, 0.02²).
    Scratch,
    /// A fine-tuned model of the same task (`--load`).
    FineTuned(String),
    /// The encoder of a pre-trained model (`--loadLXMERT`).
    Lxmert(String),
    /// Encoder and answer head of a pre-trained model (`--loadLXMERTQA`).
    LxmertQa(String),
    /// BERT's weights for the language side: what [`bert_weights`] takes.
    Bert(PathBuf),
}

impl Start {
    /// The option that names it and the name, to tell runs apart.
    pub fn described(&self) -> Value {
        match self {
            Self::Scratch => json!({ "--from-scratch": true }),
            Self::FineTuned(name) => json!({ "--load": name }),
            Self::Lxmert(name) => json!({ "--load-lxmert": name }),
            Self::LxmertQa(name) => json!({ "--load-lxmert-qa": name }),
            Self::Bert(path) => json!({ "--bert": path }),
        }
    }
}

/// Makes the model with weights as `start` says. `allow_missing` lets encoder weights be missing.
pub fn model(
    description: &Description,
    start: &Start,
    loader: &Loader,
    seed: u64,
    allow_missing: bool,
    device: Device,
) -> Result<(TaskModel, Option<LoadReport>)> {
    tch::manual_seed(seed as i64);
    let model = weights::new_model(description, device)?;
    let load = |path: &Path, policy| {
        check_vocabulary(path, &loader.tokenizer)?;
        weights::load(&model, path, policy, allow_missing)
    };
    let report = match start {
        Start::Scratch => None,
        Start::FineTuned(name) => {
            let path = locate(name, "")?;
            if let Some(labels) = &loader.labels {
                hf::answers::check(&path, labels.answers().iter().map(String::as_str))?;
            }
            Some(load(&path, Policy::FineTuned)?)
        }
        Start::Lxmert(name) => Some(load(&locate(name, "_LXRT")?, Policy::Lxmert)?),
        Start::Bert(path) => {
            let state = bert_for(&description.config, &loader.settings.vocab, path)?;
            Some(weights::apply(&model, state, path, Policy::Bert, allow_missing)?)
        }
        Start::LxmertQa(name) => Some(load_qa(&model, &locate(name, "_LXRT")?, loader, allow_missing)?),
    };
    Ok((model, report))
}

/// BERT's weights for a model of these sizes that reads this vocabulary.
///
/// # Errors
/// What can be wrong with the files; data where BERT has other sizes or another vocabulary.
pub(super) fn bert_for(config: &Config, vocab: &Path, path: &Path) -> Result<StateDict> {
    let bert = bert_weights(path)?;
    if let Some(told) = &bert.config {
        let sizes = [
            ("vocab_size", told.vocab_size, config.vocab_size),
            ("hidden_size", told.hidden_size, config.hidden_size),
            ("num_attention_heads", told.num_attention_heads, config.num_attention_heads),
            ("intermediate_size", told.intermediate_size, config.intermediate_size),
            ("max_position_embeddings", told.max_position_embeddings, config.max_position_embeddings),
            ("type_vocab_size", told.type_vocab_size, config.type_vocab_size),
        ];
        if let Some((name, bert, model)) = sizes.into_iter().find(|(_, bert, model)| bert != model) {
            return Err(Error::data(format!(
                "BERT and the model have different sizes: {name} is {bert} in {}, and {model} in the model",
                path.display()
            ))
            .next("choose the model's sizes with --model or --config, or another BERT"));
        }
    }
    if let Some(theirs) = &bert.vocab {
        let ours = files::read_text(vocab, LARGEST_VOCAB)?;
        if !ours.lines().eq(theirs.lines()) {
            return Err(Error::data(format!("{} is not the vocabulary of {}", vocab.display(), path.display()))
                .next("name BERT's own vocab.txt with --vocab"));
        }
    }
    Ok(bert.state)
}

/// The error of `--load-lxmert-qa` for NLVR2.
pub fn no_answers_to_load() -> Error {
    Error::usage("NLVR2 has no answers to load from a question answering head").next("use --load-lxmert for NLVR2")
}

fn load_qa(model: &TaskModel, path: &Path, loader: &Loader, allow_missing: bool) -> Result<LoadReport> {
    check_vocabulary(path, &loader.tokenizer)?;
    let settings = &loader.settings;
    let Some(labels) = &loader.labels else {
        return Err(no_answers_to_load());
    };
    let table = AnswerTable::load(&settings.data_root)?;
    hf::answers::check(path, (0..table.len()).filter_map(|id| table.answer(id)))?;
    let rows = table.rows_of_labels(labels);
    let released: Coverage = if settings.task == Task::Vqa { VQA_COVERAGE } else { GQA_COVERAGE };
    let coverage = table.check_coverage(&rows, released)?;
    let policy = Policy::LxmertQa { rows: &rows, expected_loaded: Some(coverage.found) };
    weights::load(model, path, policy, allow_missing)
}
