//! The kinds of work, and their results.

use std::collections::BTreeMap;
use std::path::PathBuf;

use data::dataset::Task;
use data::features::Precision;
use lxmert_spec::Config;
use serde::{Deserialize, Serialize};
use trainings::initial_weights::InitialWeights;
use trainings::options::Average;
use trainings::task_loader::TaskDataSettings;
use trainings::{finetune, pretrain};

/// What is to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Job {
    /// Fine-tunes a task. Result: [`trainings::outcome::Outcome`].
    Finetune(Box<Finetune>),
    /// Pre-trains. Result: [`pretrain::settings::PretrainOutcome`].
    Pretrain(Box<Pretrain>),
    /// Answers splits with one or several models. Result: [`Answered`].
    Answer(Box<Answer>),
    /// Writes what a checkpoint makes of pairs. Result: the path of what was written.
    Encode(Box<Encode>),
    /// Measures training steps. Result: the report.
    BenchTrain(BenchTrain),
    /// Measures answering. Result: the report.
    BenchPredict(BenchPredict),
}

/// Fine-tuning.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finetune {
    /// The data.
    pub data: TaskDataSettings,
    /// Splits to train on, comma-separated.
    pub train: String,
    /// Splits to validate on; empty for none.
    pub valid: String,
    /// First weights.
    pub start: InitialWeights,
    /// Lets encoder weights be missing.
    pub allow_missing: bool,
    /// All else. Sizes of the vocabulary, the features and the head follow the data.
    pub settings: finetune::FinetuneSettings,
    /// Also leaves the encoder alone under this name.
    pub encoder: Option<String>,
    /// A stage of a profile says less, in notes for its journal.
    pub stage: bool,
}

/// Pre-training.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pretrain {
    /// The data.
    pub data: pretrain::data::PretrainDataSettings,
    /// Collections to train on, comma-separated.
    pub train: String,
    /// Collections to validate on; none for none.
    pub valid: Option<String>,
    /// Probability that a word is masked.
    pub word_mask_rate: f64,
    /// Probability that a box is masked.
    pub box_mask_rate: f64,
    /// First weights.
    pub start: pretrain::initial_weights::PretrainInitialWeights,
    /// Lets weights be missing.
    pub allow_missing: bool,
    /// All else. The width of the features follows the data.
    pub settings: pretrain::settings::PretrainSettings,
}

/// Answering.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The data.
    pub data: TaskDataSettings,
    /// Splits, comma-separated.
    pub splits: String,
    /// Files of weights, which answer together.
    pub models: Vec<PathBuf>,
    /// What is averaged.
    pub average: Average,
    /// Examples a batch.
    pub batch_size: usize,
    /// Lets encoder weights be missing.
    pub allow_missing: bool,
    /// Sizes that count in place of those that the files tell, where files tell none or a person says so.
    pub sizes: Option<Config>,
    /// Whether `sizes` overrule what the one file tells.
    pub overrule: bool,
    /// File for the answers, in the task's form of submission.
    pub output: PathBuf,
    /// A stage of a profile says nothing.
    pub stage: bool,
}

/// What answering gave beside the file of answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answered {
    /// Examples without features.
    pub left_out: usize,
    /// What each class of the head stands for.
    pub answers: Vec<String>,
    /// One for each file.
    pub models: Vec<ModelFacts>,
    /// SHA-256 of the vocabulary.
    pub vocabulary: String,
    /// What was read.
    pub stores: Vec<StoreFacts>,
    /// Versions of what the arithmetic stands on.
    pub versions: BTreeMap<String, String>,
    /// Threads of the arithmetic.
    pub threads: u64,
    /// The device, described.
    pub device: String,
}

/// A model that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Its file.
    pub file: PathBuf,
    /// Its parameters.
    pub parameters: u64,
}

/// A feature store that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreFacts {
    /// Name of the TSV that it holds.
    pub of: String,
    /// Images that were read.
    pub images: u64,
    /// Boxes an image.
    pub boxes: u64,
    /// Features a box.
    pub width: u64,
    /// How features are kept.
    pub precision: Precision,
    /// SHA-256 of the TSV's bytes that it holds.
    pub sha256: String,
}

/// Encoding.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encode {
    /// Name of the checkpoint.
    pub load: String,
    /// Number of attention heads, where a person says it.
    pub attention_heads: Option<usize>,
    /// WordPiece vocabulary.
    pub vocab: PathBuf,
    /// Folder laid out as the original's `data/`, for names of answers and splits.
    pub data_root: PathBuf,
    /// What is encoded.
    pub pairs: EncodePairs,
    /// Feature files, each with the number of its rows that count where it is limited.
    pub features: Vec<(PathBuf, Option<usize>)>,
    /// Folder of stores that are built.
    pub stores: PathBuf,
    /// How those keep features.
    pub precision: Precision,
    /// Leaves out pairs whose images have no features.
    pub allow_missing_images: bool,
    /// Also attention.
    pub attention: bool,
    /// Also the heads' scores, printed as a line of JSON a pair with so many of the best.
    pub heads: Option<usize>,
    /// As half precision.
    pub half: bool,
    /// Pairs a batch.
    pub batch_size: usize,
    /// Where to.
    pub output: EncodeOutput,
}

/// What is encoded.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncodePairs {
    /// A file of pairs.
    File(PathBuf),
    /// Images and sentences.
    Lists(Vec<String>, Vec<String>),
    /// The examples of a task's splits.
    Split(Task, String),
}

/// Where encodings go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncodeOutput {
    /// One file.
    File(PathBuf),
    /// Files of so many pairs in a folder.
    Shards {
        /// The folder.
        folder: PathBuf,
        /// Pairs a file.
        pairs: usize,
    },
}

/// Sizes of generated input.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratedSizes {
    /// Examples a batch.
    pub batch_size: usize,
    /// Boxes an image.
    pub boxes: usize,
    /// Features a box.
    pub features: usize,
    /// Word pieces a sentence.
    pub words: usize,
    /// Answers of the head.
    pub answers: usize,
}

/// How often something is measured.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rounds {
    /// First, not counted.
    pub warmup: usize,
    /// Then, counted.
    pub steps: usize,
}

/// Measuring training steps.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchTrain {
    /// The model.
    pub config: Config,
    /// Its input.
    pub sizes: GeneratedSizes,
    /// Rounds.
    pub rounds: Rounds,
}

/// Measuring answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchPredict {
    /// The model.
    pub config: Config,
    /// Its input.
    pub sizes: GeneratedSizes,
    /// Rounds.
    pub rounds: Rounds,
    /// Questions asked.
    pub questions: usize,
    /// Of each image.
    pub questions_per_image: usize,
    /// Percent of sentences that repeat others.
    pub repeats: usize,
}
