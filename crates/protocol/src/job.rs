//! The jobs that a worker can execute, and their results.

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

/// A job for a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Job {
    /// Fine-tunes a task. Result: [`trainings::outcome::FinetuneOutcome`].
    Finetune(Box<Finetune>),
    /// Pre-trains. Result: [`pretrain::settings::PretrainOutcome`].
    Pretrain(Box<Pretrain>),
    /// Answers splits with one or several models. Result: [`AnswerOutcome`].
    Answer(Box<Answer>),
    /// Encodes pairs with a checkpoint. Result: the path of the output.
    Encode(Box<Encode>),
    /// Extracts features with the native detector. Result: [`ExtractOutcome`].
    Extract(Box<Extract>),
    /// Measures training steps. Result: the report.
    BenchTrain(BenchTrain),
    /// Measures answering. Result: the report.
    BenchPredict(BenchPredict),
    /// Measures loading batches. Result: the report.
    BenchLoad(BenchLoad),
    /// Measures the native detector. Result: the report.
    BenchExtract(BenchExtract),
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
    /// Initial weights.
    pub start: InitialWeights,
    /// Lets encoder weights be missing.
    pub allow_missing: bool,
    /// All other settings. The sizes of the vocabulary, the features and the head follow the data.
    pub settings: finetune::FinetuneSettings,
    /// Name under which the encoder alone is saved too.
    pub encoder: Option<String>,
    /// Whether it runs as a stage of a profile, which reports only notes for its journal.
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
    /// Collections to validate on; `None` for no validation.
    pub valid: Option<String>,
    /// Probability that a word is masked.
    pub word_mask_rate: f64,
    /// Probability that a box is masked.
    pub box_mask_rate: f64,
    /// Initial weights.
    pub start: pretrain::initial_weights::PretrainInitialWeights,
    /// Lets weights be missing.
    pub allow_missing: bool,
    /// All other settings. The width of the features follows the data.
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
    /// Weights files of the models that answer together.
    pub models: Vec<PathBuf>,
    /// How several models are averaged.
    pub average: Average,
    /// Examples per batch.
    pub batch_size: usize,
    /// Lets encoder weights be missing.
    pub allow_missing: bool,
    /// Sizes to use if a file does not state its own, or if `overrule`.
    pub sizes: Option<Config>,
    /// Whether `sizes` take precedence over those that a file states.
    pub overrule: bool,
    /// File for the answers, in the task's submission format.
    pub output: PathBuf,
    /// Whether it runs as a stage of a profile, which reports nothing.
    pub stage: bool,
}

/// The result of answering, besides the file of answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AnswerOutcome {
    /// Number of examples that were skipped because they have no features.
    pub left_out: usize,
    /// The answer of each class of the head.
    pub answers: Vec<String>,
    /// Facts about each model.
    pub models: Vec<ModelFacts>,
    /// SHA-256 of the vocabulary.
    pub vocabulary: String,
    /// Feature stores that were read.
    pub stores: Vec<StoreFacts>,
    /// Versions of the numerical libraries.
    pub versions: BTreeMap<String, String>,
    /// Number of libtorch's threads.
    pub threads: u64,
    /// Device, with its hardware.
    pub device: String,
    /// Examples that were answered at a time, if the memory of the device was exhausted with as many as requested.
    pub halved_batch: Option<usize>,
}

/// A model that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Its file.
    pub file: PathBuf,
    /// Number of its parameters.
    pub parameters: u64,
}

/// A feature store that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreFacts {
    /// Name of the TSV that it holds.
    pub of: String,
    /// Images that were read.
    pub images: u64,
    /// Boxes per image.
    pub boxes: u64,
    /// Features per box.
    pub width: u64,
    /// Element type of the features.
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
    /// Number of attention heads, if the command line states it.
    pub attention_heads: Option<usize>,
    /// WordPiece vocabulary.
    pub vocab: PathBuf,
    /// Folder laid out as the original's `data/`, for names of answers and splits.
    pub data_root: PathBuf,
    /// Pairs to encode.
    pub pairs: EncodePairs,
    /// Feature files, each with the number of rows to read; `None` for all.
    pub features: Vec<(PathBuf, Option<usize>)>,
    /// Folder of stores that are built.
    pub stores: PathBuf,
    /// Element type of the features in these stores.
    pub precision: Precision,
    /// Whether to skip pairs whose images have no features.
    pub allow_missing_images: bool,
    /// Whether to write attention probabilities too.
    pub attention: bool,
    /// Whether to write the heads' scores too; the number is how many of the best are printed per pair.
    pub heads: Option<usize>,
    /// Whether to write half precision.
    pub half: bool,
    /// Pairs per batch.
    pub batch_size: usize,
    /// Files to write.
    pub output: EncodeOutput,
}

/// The pairs to encode.
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

/// The files that encodings are written to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncodeOutput {
    /// One file.
    File(PathBuf),
    /// Several files in a folder.
    Shards {
        /// The folder.
        folder: PathBuf,
        /// Pairs per file.
        pairs: usize,
    },
}

/// Extraction with the native detector.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extract {
    /// Weights file of the network.
    pub weights: PathBuf,
    /// Folder of the images.
    pub root: PathBuf,
    /// Images, in the order of their rows.
    pub images: Vec<ExtractImage>,
    /// How many boxes an image gets.
    pub boxes: BoxNumbers,
    /// TSV file to create. A row is written whole as soon as it is computed.
    pub output: PathBuf,
}

/// An image to extract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractImage {
    /// The `img_id` column.
    pub id: String,
    /// Path relative to the folder of the images.
    pub path: PathBuf,
}

/// How many boxes an image gets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxNumbers {
    /// Least number, which the most confident boxes fill up to.
    pub least: usize,
    /// Largest number.
    pub most: usize,
    /// Confidence from which a box counts.
    pub threshold: f64,
}

/// The result of an extraction, besides the file of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractOutcome {
    /// Images without a row.
    pub refused: Vec<RefusedImage>,
    /// Device, with its hardware.
    pub device: String,
    /// Number of libtorch's threads.
    pub threads: u64,
    /// Versions of the numerical libraries.
    pub versions: BTreeMap<String, String>,
}

/// An image without a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedImage {
    /// Id of the image.
    pub id: String,
    /// Why it has none.
    pub reason: String,
}

/// Measurement of the native detector.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchExtract {
    /// Steps.
    pub rounds: Rounds,
    /// Weights file of the network; `None` for random weights of the published sizes.
    pub weights: Option<PathBuf>,
    /// Pictures, one per step in turn.
    pub pictures: BenchPictures,
}

/// The pictures of a measurement.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BenchPictures {
    /// Files.
    Files(Vec<PathBuf>),
    /// Generated ones of these widths and heights in pixels.
    Generated(Vec<(usize, usize)>),
}

/// The sizes of generated input.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratedSizes {
    /// Examples per batch.
    pub batch_size: usize,
    /// Boxes per image.
    pub boxes: usize,
    /// Features per box.
    pub features: usize,
    /// Word pieces per sentence.
    pub words: usize,
    /// Number of answers of the head.
    pub answers: usize,
}

/// The number of steps of a measurement.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rounds {
    /// Steps before the measurement, which do not count.
    pub warmup: usize,
    /// Steps that count.
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
    /// Number of steps.
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
    /// Number of steps.
    pub rounds: Rounds,
    /// Number of questions.
    pub questions: usize,
    /// Number of questions about each image.
    pub questions_per_image: usize,
    /// Percent of sentences that repeat others.
    pub repeats: usize,
}

/// Measuring the loading of batches.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchLoad {
    /// The batches.
    pub sizes: GeneratedSizes,
    /// Number of passes over all examples.
    pub rounds: Rounds,
    /// Number of images, each with one example.
    pub images: usize,
}
