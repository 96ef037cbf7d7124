//! `repro bench`: measures the speed on this machine.

use std::path::PathBuf;

use clap::Subcommand;

use super::number_parsers::{count, picture_size, whole};
use super::options::{ComputeOptions, ModelOptions};
use super::output::print_line;
use super::run_worker::run_worker;
use super::step_times;
use crate::bench::{fetch, tokenize, tsv, unpack, verify};
use crate::placement::{FileAccess, Host, Placement};
use base::error::{Error, Result};
use base::exit;
use base::host::cores;
use data::dataset::Task;
use data::dataset::answers::VQA_COVERAGE;
use data::dataset::tokenizer::MAX_WORDS;
use data::features::{Precision, RELEASED_BOXES, RELEASED_WIDTH};
use lxmert_spec::Config;
use lxmert_spec::paper::fine_tuning;
use measure::Repeats;
use protocol::{BenchExtract, BenchLoad, BenchPictures, BenchPredict, BenchTrain, GeneratedSizes, Job};
use serde_json::Value;

const AFTER_HELP: &str = "\
Examples:
  repro bench train                        training steps at full size
  repro bench predict                      answering as for GQA, 32 questions per image, fast against plain
  repro bench predict --questions 640 --questions-per-image 5 --repeats 0 --threads 1
  repro bench train --model tiny --batch-size 8 --steps 20
  repro bench load                         batches of training from the mapped store, against memcpy
  repro bench extract                      the native detector on a picture, against its convolutions alone
  repro bench extract --weights resnet101_faster_rcnn_final_iter_320000.caffemodel --image a.jpg
  repro bench tokenize --vocab vocab.txt --text sentences.txt
  repro bench tsv --images 500 --folder /dev/shm > tsv.json
  repro bench verify --bytes 2000000000    reading and hashing, against sha256sum
  repro bench fetch --folder /dev/shm      fetching and hashing in memory, against curl
  repro bench unpack --images 1000         zip to TSV and store, against decompression alone

Only speeds of one run can be compared, so nothing is compared with earlier runs. docs/benchmarks.md compares the original,
Hugging Face's LXMERT and this program, measured in one run. verify, fetch and unpack take turns on the same files with
sha256sum, curl and unzip, if these are installed.

Prints one JSON object on stdout, progress on stderr. `repro bench train` at the paper's sizes is kept in the folder of REPRO_CACHE
(~/.cache/lxmert-repro): repro doctor and repro all --profile paper --dry-run then say how many hours a training takes.";

/// The arguments of `repro bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// Measure a fine-tuning step: batch, forward with dropout, backward, clipping, BertAdam
    #[command(after_help = AFTER_HELP)]
    Train(Train),
    /// Measure answering without dropout: the fast method against the plain one, which is the original's
    #[command(after_help = AFTER_HELP)]
    Predict(Predict),
    /// Measure loading batches of training from a mapped feature store, against a plain copy in memory
    #[command(after_help = AFTER_HELP)]
    Load(Load),
    /// Measure the native detector, from a decoded picture to its row of features, against the convolutions of its network alone
    #[command(after_help = AFTER_HELP)]
    Extract(Extract),
    /// Measure tokenization into word pieces, on one thread
    #[command(after_help = AFTER_HELP)]
    Tokenize(Tokenize),
    /// Measure reading an obj36 TSV, on one thread
    #[command(after_help = AFTER_HELP)]
    Tsv(Tsv),
    /// Measure reading files and computing SHA-256, against sha256sum: on one core and on all
    #[command(after_help = AFTER_HELP)]
    Verify(Verify),
    /// Measure fetching from a server on this machine, against curl
    #[command(after_help = AFTER_HELP)]
    Fetch(Fetch),
    /// Measure unpacking a feature zip to a checked TSV and its store, against decompression alone
    #[command(after_help = AFTER_HELP)]
    Unpack(Unpack),
}

#[derive(Debug, clap::Args)]
struct Train {
    /// Examples per step
    #[arg(long, value_name = "N", default_value_t = fine_tuning(Task::Vqa).training.batch_size, value_parser = count::<usize>, allow_negative_numbers = true)]
    batch_size: usize,
    /// Number of measured steps
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = count::<usize>, allow_negative_numbers = true)]
    steps: usize,
    #[command(flatten)]
    input: Input,
}

#[derive(Debug, clap::Args)]
struct Predict {
    /// Questions per batch
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = count::<usize>, allow_negative_numbers = true)]
    batch_size: usize,
    /// Questions per step
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = count::<usize>, allow_negative_numbers = true)]
    questions: usize,
    /// Questions per image; GQA's testdev has 32, VQA five
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = count::<usize>, allow_negative_numbers = true)]
    questions_per_image: usize,
    /// Percentage of questions that repeat the sentence of a question about an earlier image; 8.7 % of the 12,578 questions of
    /// GQA's testdev do
    #[arg(long, value_name = "PERCENT", default_value_t = 9, value_parser = whole::<usize>, allow_negative_numbers = true)]
    repeats: usize,
    /// Number of measured steps; each step runs both methods
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = count::<usize>, allow_negative_numbers = true)]
    steps: usize,
    #[command(flatten)]
    input: Input,
}

#[derive(Debug, clap::Args)]
struct Load {
    /// Examples per batch
    #[arg(long, value_name = "N", default_value_t = fine_tuning(Task::Vqa).training.batch_size, value_parser = count::<usize>, allow_negative_numbers = true)]
    batch_size: usize,
    /// Number of images, 295 kB each, with one example each
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = count::<usize>, allow_negative_numbers = true)]
    images: usize,
    /// Number of measured passes over all examples
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = count::<usize>, allow_negative_numbers = true)]
    steps: usize,
    #[command(flatten)]
    batch: BatchOptions,
}

#[derive(Debug, clap::Args)]
struct Extract {
    /// Weights of bottom-up attention, a .caffemodel or what repro convert made of it [default: random ones of the same sizes]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Picture (JPEG or PNG); repeat it for several, which take turns [default: a generated one]
    #[arg(long, value_name = "FILE", conflicts_with = "size")]
    image: Vec<PathBuf>,
    /// Width and height of generated pictures, which take turns
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "640x480", value_delimiter = ',', value_parser = picture_size)]
    size: Vec<(usize, usize)>,
    /// Number of measured pictures
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = count::<usize>, allow_negative_numbers = true)]
    steps: usize,
    /// Number of warm-up pictures, which do not count
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>, allow_negative_numbers = true)]
    warmup: usize,
    #[command(flatten)]
    compute: ComputeOptions,
}

/// The options of the model and of its input.
#[derive(Debug, clap::Args)]
struct Input {
    /// Number of words in the vocabulary
    #[arg(long, value_name = "N", default_value_t = Config::lxr955().vocab_size, value_parser = count::<usize>, allow_negative_numbers = true)]
    vocab_size: usize,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    batch: BatchOptions,
}

/// The options of warm-up steps, the sizes of the input, and the device.
#[derive(Debug, clap::Args)]
struct BatchOptions {
    /// Number of warm-up steps, which do not count
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>, allow_negative_numbers = true)]
    warmup: usize,
    /// Boxes per image
    #[arg(long, value_name = "N", default_value_t = RELEASED_BOXES, value_parser = count::<usize>, allow_negative_numbers = true)]
    boxes: usize,
    /// Features per box
    #[arg(long, value_name = "N", default_value_t = RELEASED_WIDTH, value_parser = count::<usize>, allow_negative_numbers = true)]
    features: usize,
    /// Word positions per sentence. Training uses all of them, answering 11 on average
    #[arg(long, value_name = "N", default_value_t = MAX_WORDS, value_parser = count::<usize>, allow_negative_numbers = true)]
    words: usize,
    /// Number of answers of the head
    #[arg(long, value_name = "N", default_value_t = VQA_COVERAGE.labels, value_parser = count::<usize>, allow_negative_numbers = true)]
    answers: usize,
    #[command(flatten)]
    compute: ComputeOptions,
}

impl BatchOptions {
    fn sizes(&self, batch_size: usize) -> GeneratedSizes {
        GeneratedSizes {
            batch_size,
            boxes: self.boxes,
            features: self.features,
            words: self.words,
            answers: self.answers,
        }
    }

    fn rounds(&self, steps: usize) -> protocol::Rounds {
        protocol::Rounds { warmup: self.warmup, steps }
    }

    fn measure(&self, job: Job) -> Result<Value> {
        measure(&self.compute, job)
    }
}

/// Runs a measurement in a worker on this machine.
fn measure(compute: &ComputeOptions, job: Job) -> Result<Value> {
    run_worker(&Placement::Host(Host), &compute.worker_job("bench", None, FileAccess::default(), job))
}

impl Input {
    fn config(&self) -> Result<Config> {
        self.model.resolve(self.vocab_size, self.batch.features)
    }
}

#[derive(Debug, clap::Args)]
struct Tokenize {
    /// WordPiece vocabulary (bert-base-uncased's vocab.txt) [default: a generated one of the same size]
    #[arg(long, value_name = "FILE")]
    vocab: Option<PathBuf>,
    /// File of sentences, one per line [default: generated from the vocabulary's words]
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Number of generated sentences
    #[arg(long, value_name = "N", default_value_t = 7000, conflicts_with = "text", value_parser = count::<usize>, allow_negative_numbers = true)]
    sentences: usize,
    /// Word positions of the model's input
    #[arg(long, value_name = "N", default_value_t = MAX_WORDS, value_parser = count::<usize>, allow_negative_numbers = true)]
    words: usize,
    /// Number of measured passes over all sentences
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = count::<usize>, allow_negative_numbers = true)]
    steps: usize,
    /// Number of warm-up passes, which do not count
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>, allow_negative_numbers = true)]
    warmup: usize,
}

#[derive(Debug, clap::Args)]
struct Tsv {
    /// Rows of the generated file, 395 kB each
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = count::<usize>, allow_negative_numbers = true)]
    images: usize,
    /// Number of times to read it
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = count::<usize>, allow_negative_numbers = true)]
    steps: usize,
    /// Folder to write it into [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// Bytes of each generated file
    #[arg(long, value_name = "N", default_value_t = 1_000_000_000, value_parser = count::<u64>, allow_negative_numbers = true)]
    bytes: u64,
    /// Number of files, all of which are read at the same time [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    #[command(flatten)]
    rounds: Rounds,
}

#[derive(Debug, clap::Args)]
struct Fetch {
    /// Bytes of the generated file
    #[arg(long, value_name = "N", default_value_t = 2_000_000_000, value_parser = count::<u64>, allow_negative_numbers = true)]
    bytes: u64,
    #[command(flatten)]
    rounds: Rounds,
}

#[derive(Debug, clap::Args)]
struct Unpack {
    /// Rows of the generated file, 395 kB each
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = count::<usize>, allow_negative_numbers = true)]
    images: usize,
    /// Element type of the features in the store: f32 or f16
    #[arg(long, value_name = "P", default_value_t = Precision::F32)]
    precision: Precision,
    #[command(flatten)]
    rounds: Rounds,
}

/// The options of how often to measure, and in which folder.
#[derive(Debug, clap::Args)]
struct Rounds {
    /// Number of measured rounds; each round runs this program and the other
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = count::<usize>, allow_negative_numbers = true)]
    steps: usize,
    /// Number of warm-up rounds, which do not count
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>, allow_negative_numbers = true)]
    warmup: usize,
    /// Folder to write the files into [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Rounds {
    fn repeats(&self) -> Repeats {
        Repeats { warmup: self.warmup, steps: self.steps }
    }
}

/// Measures and prints one JSON object.
///
/// # Errors
/// Usage for sizes out of range; data for files that cannot be read; disk if it is full.
pub(crate) fn run(args: Args) -> Result<u8> {
    let report = match args.command {
        BenchCommand::Train(Train { batch_size, steps, input }) => {
            let report = input.batch.measure(Job::BenchTrain(BenchTrain {
                config: input.config()?,
                sizes: input.batch.sizes(batch_size),
                rounds: input.batch.rounds(steps),
            }))?;
            step_times::keep(&report, &input.batch.compute.device);
            report
        }
        BenchCommand::Predict(Predict { batch_size, questions, questions_per_image, repeats, steps, input }) => {
            input.batch.measure(Job::BenchPredict(BenchPredict {
                config: input.config()?,
                sizes: input.batch.sizes(batch_size),
                rounds: input.batch.rounds(steps),
                questions,
                questions_per_image,
                repeats,
            }))?
        }
        BenchCommand::Load(Load { batch_size, images, steps, batch }) => batch.measure(Job::BenchLoad(BenchLoad {
            sizes: batch.sizes(batch_size),
            rounds: batch.rounds(steps),
            images,
        }))?,
        BenchCommand::Extract(Extract { weights, image, size, steps, warmup, compute }) => {
            let pictures = if image.is_empty() { BenchPictures::Generated(size) } else { BenchPictures::Files(image) };
            measure(
                &compute,
                Job::BenchExtract(BenchExtract { rounds: protocol::Rounds { warmup, steps }, weights, pictures }),
            )?
        }
        BenchCommand::Tokenize(Tokenize { vocab, text, sentences, words, steps, warmup }) => {
            let settings =
                tokenize::TokenizeSettings { vocab: vocab.as_deref(), text: text.as_deref(), sentences, words };
            tokenize::measure(settings, Repeats { warmup, steps })?
        }
        BenchCommand::Tsv(Tsv { images, steps, folder }) => tsv::measure(images, steps, folder.as_deref())?,
        BenchCommand::Verify(Verify { bytes, jobs, rounds }) => {
            let settings = verify::VerifySettings {
                bytes,
                jobs: jobs.map_or_else(cores, usize::from),
                folder: rounds.folder.as_deref(),
            };
            verify::measure(settings, rounds.repeats())?
        }
        BenchCommand::Fetch(Fetch { bytes, rounds }) => {
            fetch::measure(bytes, rounds.repeats(), rounds.folder.as_deref())?
        }
        BenchCommand::Unpack(Unpack { images, precision, rounds }) => {
            unpack::measure(images, precision, rounds.repeats(), rounds.folder.as_deref())?
        }
    };
    let text = serde_json::to_string_pretty(&report)
        .map_err(|error| Error::bug("cannot write the measurement as JSON").because(error))?;
    print_line(&text)?;
    Ok(exit::PASS)
}
