//! `repro encode`: writes a model's outputs for pairs of images and sentences.

use std::path::PathBuf;

use super::named_inputs::{NamedInput, check_inputs};
use super::number_parsers::count;
use super::options::{ComputeOptions, DataFiles, note_other_vocabulary};
use super::output::print_line;
use super::run_worker::run_worker;
use crate::placement::{FileAccess, Host, Placement};
use crate::prepare;
use base::error::{Error, Result};
use base::exit;
use base::status;
use data::dataset::tokenizer::Tokenizer;
use data::dataset::{RowLimit, Scale, Task, feature_files};
use data::features::Precision;
use lxmert_spec::description::check_vocabulary;
use lxmert_spec::loading::locate;
use lxmert_spec::weights_names::PRETRAINED_SUFFIX;
use protocol::{Encode, EncodeOutput, EncodePairs, Job};

/// Write a model's outputs for sentences and images: states, attention, scores of its heads.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The checkpoint, pre-trained or fine-tuned: .safetensors or .pth (the suffix can be omitted), or a Hugging Face folder
    #[arg(long, value_name = "NAME")]
    pub load: String,
    /// Safetensors file to write; with --shard-size, the folder to write into
    #[arg(long, value_name = "PATH")]
    pub output: PathBuf,
    #[command(flatten)]
    pub input: Input,
    #[command(flatten)]
    pub location: DataLocation,
    /// Also write the attention maps of every layer and head
    #[arg(long, help_heading = "Outputs")]
    pub attention: bool,
    /// Also write the scores of the checkpoint's heads, and print the most likely words and answers and the match
    #[arg(long, help_heading = "Outputs")]
    pub heads: bool,
    /// Number of words and answers to print for each pair
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = count::<usize>, allow_negative_numbers = true, requires = "heads", help_heading = "Outputs")]
    pub top: usize,
    /// Write f16 instead of f32; the model still computes in f32
    #[arg(long, help_heading = "Outputs")]
    pub half: bool,
    /// Write files of this many pairs each; an interrupted run resumes after the last complete file
    #[arg(long, value_name = "PAIRS", value_parser = count::<usize>, allow_negative_numbers = true, help_heading = "Outputs")]
    pub shard_size: Option<usize>,
    /// Number of attention heads, if the checkpoint does not state it and its width does not determine it
    #[arg(long, value_name = "N", value_parser = count::<usize>, allow_negative_numbers = true, help_heading = "Compute")]
    pub attention_heads: Option<usize>,
    /// Pairs per batch
    #[arg(long, alias = "batchSize", value_name = "N", default_value_t = 32, value_parser = count::<usize>, allow_negative_numbers = true, help_heading = "Compute")]
    pub batch_size: usize,
    #[command(flatten)]
    pub compute: ComputeOptions,
}

const AFTER_HELP: &str = "\
Examples:
  repro encode --load Epoch20 --features val2014_obj36.tsv --heads --output dog.safetensors \\
      --image COCO_val2014_000000000042 --sentence 'A [MASK] sleeps on a pair of [MASK] .'
  repro encode --load Epoch20 --pairs pairs.tsv --features mine_obj36.tsv --attention --output o.safetensors
  repro encode --load workspace/snap/vqa/BEST --task vqa --split minival --shard-size 1000 --output o/

--pairs FILE contains lines of JSON such as {\"id\": 7, \"img_id\": \"a\", \"sent\": \"A dog.\"}, or a JSON list of such
objects. The id is optional; statements about two images have img0 and img1. FILE can also contain lines of img_id, tab,
sentence, or of id, tab, img_id, tab, sentence. A sentence can contain [MASK] between blanks; --heads scores the words for
it. Sentences are cut to 18 pieces.

The file contains, for R rows (one for each image of each pair), S = 20 word positions, O boxes, width H:
  ids, mask    (R, S) int64  word ids: [CLS], pieces, [SEP], zeros; 1 for words
  boxes        (R, O, 4)     x1 y1 x2 y2, as fractions of the image's width and height
  lang         (R, S, H)     language states; meaningless at padding
  visn         (R, O, H)     visual states
  pooled       (R, H)        cross-modality state of [CLS]
with --attention, for each layer i from 0, (R, heads, queries, keys), rows summing to 1:
  attention.lang.i        words to words, language layers
  attention.visn.i        boxes to boxes, object-relationship layers
  attention.cross_lang.i  words to boxes, cross-modality layers; cross_visn.i boxes to words
  attention.cross_lang_self.i, cross_visn_self.i    the same layers' self attention
with --heads, for each head of the checkpoint (scores before softmax and sigmoid):
  heads.mask_positions    (M, 2) int64  row and position of every [MASK]
  heads.words             (M, vocabulary)
  heads.matched           (R, 2)        not of this image, of this image
  heads.obj, .attr, .feat (R, O, classes or width)
  heads.answer            (pairs, answers); one row per image if the head reads one image
Its metadata (lxmert_repro.encode, JSON) name the pairs, model, checkpoint with SHA-256 and tensors.

Sizes are read from the checkpoint. Prints the path of the file, or of manifest.json for shards; with --heads, one line of JSON
for each pair instead.";

/// The options of the pairs and their features.
#[derive(Debug, clap::Args)]
pub(crate) struct Input {
    /// A file of pairs: JSON lines, a JSON list, or lines with tabs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["image", "sentence", "task"], help_heading = "Input")]
    pub pairs: Option<PathBuf>,
    /// Id of an image in the features. Can be repeated: as often as --sentence, or once for all sentences
    #[arg(long, value_name = "ID", requires = "sentence", conflicts_with = "task", help_heading = "Input")]
    pub image: Vec<String>,
    /// A sentence. Can be repeated
    #[arg(long, value_name = "TEXT", requires = "image", help_heading = "Input")]
    pub sentence: Vec<String>,
    /// Encode the examples of a task's split: vqa, gqa or nlvr2
    #[arg(long, value_name = "TASK", requires = "split", help_heading = "Input")]
    pub task: Option<Task>,
    /// The split, such as minival
    #[arg(long, value_name = "SPLIT", requires = "task", help_heading = "Input")]
    pub split: Option<String>,
    /// The images' obj36 features: TSV files or stores [default with --task: the split's]
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Input")]
    pub features: Vec<PathBuf>,
    /// Skip pairs whose images have no features, instead of failing
    #[arg(long, help_heading = "Input")]
    pub allow_missing_images: bool,
}

/// The options of the workspace and the data.
#[derive(Debug, clap::Args)]
pub(crate) struct DataLocation {
    /// Folder that holds data/ and the feature stores
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE", help_heading = "Data")]
    pub workspace: PathBuf,
    #[command(flatten)]
    files: DataFiles,
    /// Build missing feature stores in half precision (half the disk space)
    #[arg(long, help_heading = "Data")]
    pub half_features: bool,
}

impl DataLocation {
    fn data_root(&self) -> PathBuf {
        self.files.root(&self.workspace)
    }
}

impl Args {
    fn pairs(&self) -> Result<EncodePairs> {
        let input = &self.input;
        match (&input.pairs, input.task, &input.split) {
            (Some(file), ..) => Ok(EncodePairs::File(file.clone())),
            (None, Some(task), Some(split)) => Ok(EncodePairs::Split(task, split.clone())),
            _ if !input.image.is_empty() => Ok(EncodePairs::Lists(input.image.clone(), input.sentence.clone())),
            _ => Err(Error::usage("nothing to encode is given")
                .next("pass --pairs FILE, --image ID with --sentence TEXT, or --task TASK with --split SPLIT")),
        }
    }

    /// Checks the named files before feature stores are built.
    fn check_inputs(&self, output: &EncodeOutput) -> Result<()> {
        let pairs = self.input.pairs.iter().map(|file| NamedInput::Text(file.clone()));
        let output = match output {
            EncodeOutput::Shards { folder, .. } => NamedInput::OutputFolder(folder),
            EncodeOutput::File(file) => NamedInput::OutputFile(file),
        };
        check_inputs(pairs.chain([NamedInput::Checkpoint(&self.load, PRETRAINED_SUFFIX), output]))?;
        self.feature_files()?.iter().try_for_each(|(file, _)| check_inputs([NamedInput::Features(file)]))
    }

    /// Returns the feature files, each with the number of rows to read; `None` for all.
    fn feature_files(&self) -> Result<Vec<(PathBuf, Option<usize>)>> {
        let input = &self.input;
        let files: Vec<_> = match (&input.features[..], input.task, &input.split) {
            ([], Some(task), Some(split)) => feature_files(task, split, Scale::Full, &self.location.data_root())?
                .into_iter()
                .map(|file| match file.limit {
                    RowLimit::All => (file.path, None),
                    RowLimit::First(rows) => (file.path, Some(rows)),
                })
                .collect(),
            ([], ..) => {
                return Err(Error::usage("no features are given")
                    .next("pass --features with the obj36 TSV files or stores that contain the images"));
            }
            (files, ..) => files.iter().map(|file| (file.clone(), None)).collect(),
        };
        Ok(files)
    }

    fn output(&self) -> Result<EncodeOutput> {
        match self.shard_size {
            Some(pairs) => Ok(EncodeOutput::Shards { folder: self.output.clone(), pairs }),
            None if self.output.is_dir() => Err(Error::usage(format!("{} is a folder", self.output.display()))
                .next("name a file, or pass --shard-size to write shards into the folder")),
            None => Ok(EncodeOutput::File(self.output.clone())),
        }
    }
}

/// Encodes the pairs, and prints the path of the output or the scores of the heads.
pub(crate) fn run(args: Args) -> Result<u8> {
    let output = args.output()?;
    args.check_inputs(&output)?;
    let checkpoint = locate(&args.load, PRETRAINED_SUFFIX)?;
    let vocab = args.location.files.existing_vocab(&args.location.workspace)?;
    let tokenizer = Tokenizer::from_vocab_file(&vocab)?;
    note_other_vocabulary(&tokenizer)?;
    check_vocabulary(&checkpoint, &tokenizer)?;
    let job = args.compute.worker_job(
        "encode",
        None,
        // Only a container needs this, and encoding always runs on this machine.
        FileAccess::default(),
        Job::Encode(Box::new(Encode {
            load: args.load.clone(),
            attention_heads: args.attention_heads,
            vocab,
            data_root: args.location.data_root(),
            pairs: args.pairs()?,
            features: args.feature_files()?,
            stores: prepare::stores(&args.location.workspace),
            precision: Precision::from_flag(args.location.half_features),
            allow_missing_images: args.input.allow_missing_images,
            attention: args.attention,
            heads: args.heads.then_some(args.top),
            half: args.half,
            batch_size: args.batch_size,
            output,
        })),
    );
    let path: PathBuf = run_worker(&Placement::Host(Host), &job)?;
    match args.heads {
        true => status!("{}", path.display()),
        false => print_line(path.display().to_string())?,
    }
    Ok(exit::PASS)
}
