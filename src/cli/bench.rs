//! `repro bench`: measures the speed on this machine.

use std::path::PathBuf;

use clap::Subcommand;

use super::compute::compute;
use super::options::{ComputeOptions, ModelOptions};
use super::output::say;
use super::values::{count, whole};
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
use protocol::{BenchPredict, BenchTrain, GeneratedSizes, Job};
use serde_json::Value;

const AFTER_HELP: &str = "\
Examples:
  repro bench train                        a training step at full size
  repro bench predict                      answering like GQA's, 32 questions an image, fast against plain
  repro bench predict --questions 640 --questions-per-image 5 --repeats 0 --threads 1
  repro bench train --model tiny --batch-size 8 --steps 20
  repro bench tokenize --vocab vocab.txt --text sentences.txt
  repro bench tsv --images 500 --folder /dev/shm > tsv.json
  repro bench verify --bytes 2000000000    reading and hashing, against sha256sum
  repro bench fetch --folder /dev/shm      download and hash, against curl, in memory
  repro bench unpack --images 1000         zip to TSV and store, against decompressing alone

It prints what it measured in this run and compares with nothing that was measured in another: speeds of different runs do not
compare. docs/benchmarks.md has the original, Hugging Face's LXMERT and this program side by side, measured in one run.
verify, fetch and unpack run sha256sum, curl and unzip on the same files in turns with this program, where they are installed.

Prints one JSON object on stdout, progress on stderr.";

/// Arguments of `repro bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A fine-tuning step: batch, forward with dropout, backward, clipping, BertAdam
    #[command(after_help = AFTER_HELP)]
    Train(Train),
    /// Answering questions, dropout off: the fast way against the plain one, which is the original's
    #[command(after_help = AFTER_HELP)]
    Predict(Predict),
    /// Cutting sentences into word pieces, on one thread
    #[command(after_help = AFTER_HELP)]
    Tokenize(Tokenize),
    /// Reading an obj36 TSV, on one thread
    #[command(after_help = AFTER_HELP)]
    Tsv(Tsv),
    /// Reading files and taking their SHA-256, against sha256sum: on one core and on all
    #[command(after_help = AFTER_HELP)]
    Verify(Verify),
    /// Fetching from a server on this machine, against curl
    #[command(after_help = AFTER_HELP)]
    Fetch(Fetch),
    /// From a feature zip to a checked TSV and its store, against decompressing alone
    #[command(after_help = AFTER_HELP)]
    Unpack(Unpack),
}

#[derive(Debug, clap::Args)]
struct Train {
    /// Examples a step
    #[arg(long, value_name = "N", default_value_t = fine_tuning(Task::Vqa).training.batch_size, value_parser = count::<usize>, allow_negative_numbers = true)]
    batch_size: usize,
    /// Steps measured
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = count::<usize>, allow_negative_numbers = true)]
    steps: usize,
    #[command(flatten)]
    input: Input,
}

#[derive(Debug, clap::Args)]
struct Predict {
    /// Questions in work at a time
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = count::<usize>, allow_negative_numbers = true)]
    batch_size: usize,
    /// Questions answered in a step
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = count::<usize>, allow_negative_numbers = true)]
    questions: usize,
    /// Questions about one image; GQA's testdev has 32, VQA five
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = count::<usize>, allow_negative_numbers = true)]
    questions_per_image: usize,
    /// Percent of the questions that repeat the sentence of a question about an earlier image; of the 12,578 of GQA's testdev,
    /// 8.7 % do
    #[arg(long, value_name = "PERCENT", default_value_t = 9, value_parser = whole::<usize>, allow_negative_numbers = true)]
    repeats: usize,
    /// Steps measured, in each of which both ways take their turn
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = count::<usize>, allow_negative_numbers = true)]
    steps: usize,
    #[command(flatten)]
    input: Input,
}

/// Steps that are not counted, and the sizes of model and input.
#[derive(Debug, clap::Args)]
struct Input {
    /// Steps before that, not counted
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>, allow_negative_numbers = true)]
    warmup: usize,
    /// Boxes an image
    #[arg(long, value_name = "N", default_value_t = RELEASED_BOXES, value_parser = count::<usize>, allow_negative_numbers = true)]
    boxes: usize,
    /// Features a box
    #[arg(long, value_name = "N", default_value_t = RELEASED_WIDTH, value_parser = count::<usize>, allow_negative_numbers = true)]
    features: usize,
    /// Word positions of a sentence: in training all in use, in answering the most that are, 11 on average
    #[arg(long, value_name = "N", default_value_t = MAX_WORDS, value_parser = count::<usize>, allow_negative_numbers = true)]
    words: usize,
    /// Answers of the head
    #[arg(long, value_name = "N", default_value_t = VQA_COVERAGE.labels, value_parser = count::<usize>, allow_negative_numbers = true)]
    answers: usize,
    /// Words of the vocabulary
    #[arg(long, value_name = "N", default_value_t = Config::lxr955().vocab_size, value_parser = count::<usize>, allow_negative_numbers = true)]
    vocab_size: usize,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    compute: ComputeOptions,
}

impl Input {
    fn sizes(&self, batch_size: usize) -> GeneratedSizes {
        GeneratedSizes {
            batch_size,
            boxes: self.boxes,
            features: self.features,
            words: self.words,
            answers: self.answers,
        }
    }

    fn config(&self) -> Result<Config> {
        self.model.resolve(self.vocab_size, self.features)
    }

    /// Has a worker of this machine measure.
    fn measured(&self, job: Job) -> Result<Value> {
        let asked = self.compute.asked("bench", None, FileAccess::default(), job);
        compute(&Placement::Host(Host), &asked)
    }
}

#[derive(Debug, clap::Args)]
struct Tokenize {
    /// WordPiece vocabulary (bert-base-uncased's vocab.txt) [default: a generated one of the same size]
    #[arg(long, value_name = "FILE")]
    vocab: Option<PathBuf>,
    /// Sentences, one a line [default: generated from the vocabulary's words]
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Generated sentences
    #[arg(long, value_name = "N", default_value_t = 7000, conflicts_with = "text", value_parser = count::<usize>, allow_negative_numbers = true)]
    sentences: usize,
    /// Word positions of the model's input
    #[arg(long, value_name = "N", default_value_t = MAX_WORDS, value_parser = count::<usize>, allow_negative_numbers = true)]
    words: usize,
    /// Passes over all sentences measured
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = count::<usize>, allow_negative_numbers = true)]
    steps: usize,
    /// Passes before that, not counted
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>, allow_negative_numbers = true)]
    warmup: usize,
}

#[derive(Debug, clap::Args)]
struct Tsv {
    /// Rows of the generated file, 395 kB each
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = count::<usize>, allow_negative_numbers = true)]
    images: usize,
    /// Times it is read
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = count::<usize>, allow_negative_numbers = true)]
    steps: usize,
    /// Where to write it [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// Bytes of each generated file
    #[arg(long, value_name = "N", default_value_t = 1_000_000_000, value_parser = count::<u64>, allow_negative_numbers = true)]
    bytes: u64,
    /// Files that are read at the same time; as many are generated [default: all cores]
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
    /// How the store keeps features: f32 or f16
    #[arg(long, value_name = "P", default_value_t = Precision::F32)]
    precision: Precision,
    #[command(flatten)]
    rounds: Rounds,
}

/// How often to measure, and where.
#[derive(Debug, clap::Args)]
struct Rounds {
    /// Rounds measured; in each, this program and the other take turns
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = count::<usize>, allow_negative_numbers = true)]
    steps: usize,
    /// Rounds before that, not counted
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>, allow_negative_numbers = true)]
    warmup: usize,
    /// Where to write the files [default: the system's folder for temporary files]
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
/// Sizes that cannot be; files that cannot be read; a full disk.
pub(crate) fn run(args: Args) -> Result<u8> {
    let report = match args.what {
        What::Train(Train { batch_size, steps, input }) => input.measured(Job::BenchTrain(BenchTrain {
            config: input.config()?,
            sizes: input.sizes(batch_size),
            rounds: protocol::Rounds { warmup: input.warmup, steps },
        }))?,
        What::Predict(Predict { batch_size, questions, questions_per_image, repeats, steps, input }) => input
            .measured(Job::BenchPredict(BenchPredict {
                config: input.config()?,
                sizes: input.sizes(batch_size),
                rounds: protocol::Rounds { warmup: input.warmup, steps },
                questions,
                questions_per_image,
                repeats,
            }))?,
        What::Tokenize(Tokenize { vocab, text, sentences, words, steps, warmup }) => {
            let settings =
                tokenize::TokenizeSettings { vocab: vocab.as_deref(), text: text.as_deref(), sentences, words };
            tokenize::measure(settings, Repeats { warmup, steps })?
        }
        What::Tsv(Tsv { images, steps, folder }) => tsv::measure(images, steps, folder.as_deref())?,
        What::Verify(Verify { bytes, jobs, rounds }) => {
            let settings = verify::VerifySettings {
                bytes,
                jobs: jobs.map_or_else(cores, usize::from),
                folder: rounds.folder.as_deref(),
            };
            verify::measure(settings, rounds.repeats())?
        }
        What::Fetch(Fetch { bytes, rounds }) => fetch::measure(bytes, rounds.repeats(), rounds.folder.as_deref())?,
        What::Unpack(Unpack { images, precision, rounds }) => {
            unpack::measure(images, precision, rounds.repeats(), rounds.folder.as_deref())?
        }
    };
    let text = serde_json::to_string_pretty(&report)
        .map_err(|error| Error::bug("cannot write the measurement as JSON").because(error))?;
    say(&text)?;
    Ok(exit::PASS)
}
