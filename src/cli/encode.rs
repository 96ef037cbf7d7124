//! `repro encode`.

use std::path::PathBuf;

use super::compute::compute;
use super::first_look::{Named, look};
use super::options::{ComputeOptions, DataFiles, say_vocabulary};
use super::output::say;
use super::values::count;
use crate::placement::{FileAccess, Host, Placement};
use crate::prepare;
use base::error::{Error, Result};
use base::exit;
use base::status;
use data::dataset::tokenizer::Tokenizer;
use data::dataset::{Limit, Scale, Task, feature_files};
use data::features::Precision;
use lxmert_spec::description::check_vocabulary;
use lxmert_spec::loading::locate;
use lxmert_spec::weights_names::PRETRAINED_SUFFIX;
use protocol::{Encode, EncodeOutput, EncodePairs, Job};

/// Write what a model makes of sentences and images: states, attention, scores of its heads.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The checkpoint, pre-trained or fine-tuned: .safetensors or .pth (the suffix may be left out), or a Hugging Face folder
    #[arg(long, value_name = "NAME")]
    pub load: String,
    /// The safetensors file to write; with --shard-size the folder
    #[arg(long, value_name = "PATH")]
    pub output: PathBuf,
    #[command(flatten)]
    pub input: Input,
    #[command(flatten)]
    pub place: Place,
    /// Write the attention maps of every layer and head too
    #[arg(long, help_heading = "Outputs")]
    pub attention: bool,
    /// Write the scores of the checkpoint's heads too, and print the likeliest words, answers and the match
    #[arg(long, help_heading = "Outputs")]
    pub heads: bool,
    /// Words and answers to print for each pair
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = count::<usize>, allow_negative_numbers = true, requires = "heads", help_heading = "Outputs")]
    pub top: usize,
    /// Write f16 instead of f32 (computed in f32)
    #[arg(long, help_heading = "Outputs")]
    pub half: bool,
    /// Write files of so many pairs; a run that was stopped goes on after the last complete one
    #[arg(long, value_name = "PAIRS", value_parser = count::<usize>, allow_negative_numbers = true, help_heading = "Outputs")]
    pub shard_size: Option<usize>,
    /// Attention heads, where the checkpoint does not say and its width does not show it
    #[arg(long, value_name = "N", value_parser = count::<usize>, allow_negative_numbers = true, help_heading = "Compute")]
    pub attention_heads: Option<usize>,
    /// Pairs that the model reads at once
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

--pairs FILE holds lines of JSON such as {\"id\": 7, \"img_id\": \"a\", \"sent\": \"A dog.\"}, or a JSON list
of them; the id may be left out; img0 and img1 for statements about two images. Or it holds lines
of img_id, tab, sentence, or of id, tab, img_id, tab, sentence. A sentence may hold [MASK] between
blanks: with --heads the words in its place are scored. Sentences are cut to 18 pieces.

The file holds, for R rows (one for each image of each pair), S = 20 word positions, O boxes, width H:
  ids, mask    (R, S) int64  word ids: [CLS], pieces, [SEP], zeros; 1 for words
  boxes        (R, O, 4)     x1 y1 x2 y2, as parts of the image's width and height
  lang         (R, S, H)     language states; those of padding have no meaning
  visn         (R, O, H)     visual states
  pooled       (R, H)        cross-modality state of [CLS]
with --attention, for each layer i from 0, (R, heads, queries, keys), rows summing to 1:
  attention.lang.i        words to words, language layers
  attention.visn.i        boxes to boxes, object-relationship layers
  attention.cross_lang.i  words to boxes, cross-modality layers; cross_visn.i boxes to words
  attention.cross_lang_self.i, cross_visn_self.i    the same layers' self attention
with --heads, as far as the checkpoint has them (scores before softmax and sigmoid):
  heads.mask_positions    (M, 2) int64  row and position of every [MASK]
  heads.words             (M, vocabulary)
  heads.matched           (R, 2)        not of this image, of this image
  heads.obj, .attr, .feat (R, O, classes or width)
  heads.answer            (pairs, answers); a row for each image where the head reads one
Its metadata (lxmert_repro.encode, JSON) name the pairs, model, checkpoint with SHA-256 and tensors.

Sizes are read off the checkpoint. Prints the file (of shards: manifest.json); with --heads a line
of JSON for each pair instead.";

/// What is encoded.
#[derive(Debug, clap::Args)]
pub(crate) struct Input {
    /// A file of pairs: JSON lines, a JSON list, or lines with tabs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["image", "sentence", "task"], help_heading = "Input")]
    pub pairs: Option<PathBuf>,
    /// An image's id in the features; may be repeated, as often as --sentence, or once for all of them
    #[arg(long, value_name = "ID", requires = "sentence", conflicts_with = "task", help_heading = "Input")]
    pub image: Vec<String>,
    /// A sentence
    #[arg(long, value_name = "TEXT", requires = "image", help_heading = "Input")]
    pub sentence: Vec<String>,
    /// The examples of a task's split: vqa, gqa or nlvr2
    #[arg(long, value_name = "TASK", requires = "split", help_heading = "Input")]
    pub task: Option<Task>,
    /// The split, such as minival
    #[arg(long, value_name = "SPLIT", requires = "task", help_heading = "Input")]
    pub split: Option<String>,
    /// The images' obj36 features: TSV files or stores [default with --task: the split's]
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Input")]
    pub features: Vec<PathBuf>,
    /// Leave out pairs whose images have no features, instead of stopping
    #[arg(long, help_heading = "Input")]
    pub allow_missing_images: bool,
}

/// Where things are.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// Folder that holds data/ and the feature stores
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE", help_heading = "Data")]
    pub workspace: PathBuf,
    #[command(flatten)]
    files: DataFiles,
    /// Keep features as half precision in stores that have to be built
    #[arg(long, help_heading = "Data")]
    pub half_features: bool,
}

impl Place {
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
            _ => Err(Error::usage("it is not said what to encode")
                .next("pass --pairs FILE, --image ID with --sentence TEXT, or --task TASK with --split SPLIT")),
        }
    }

    /// Looks at what is named, before features are converted.
    fn look(&self, output: &EncodeOutput) -> Result<()> {
        let pairs = self.input.pairs.iter().map(|file| Named::Text(file.clone()));
        let output = match output {
            EncodeOutput::Shards { folder, .. } => Named::OutputFolder(folder),
            EncodeOutput::File(file) => Named::OutputFile(file),
        };
        look(pairs.chain([Named::Checkpoint(&self.load, PRETRAINED_SUFFIX), output]))?;
        self.feature_files()?.iter().try_for_each(|(file, _)| look([Named::Features(file)]))
    }

    /// The files of features, each with the number of its rows that count where it is limited.
    fn feature_files(&self) -> Result<Vec<(PathBuf, Option<usize>)>> {
        let input = &self.input;
        let files: Vec<_> = match (&input.features[..], input.task, &input.split) {
            ([], Some(task), Some(split)) => feature_files(task, split, Scale::Full, &self.place.data_root())?
                .into_iter()
                .map(|file| match file.limit {
                    Limit::All => (file.path, None),
                    Limit::First(rows) => (file.path, Some(rows)),
                })
                .collect(),
            ([], ..) => {
                return Err(Error::usage("no features are named")
                    .next("pass --features with the obj36 TSV files (or stores) that have the images"));
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

/// Encodes.
pub(crate) fn run(args: Args) -> Result<u8> {
    let output = args.output()?;
    args.look(&output)?;
    let checkpoint = locate(&args.load, PRETRAINED_SUFFIX)?;
    let vocab = args.place.files.vocab_there(&args.place.workspace)?;
    let tokenizer = Tokenizer::from_vocab_file(&vocab)?;
    say_vocabulary(&tokenizer)?;
    check_vocabulary(&checkpoint, &tokenizer)?;
    let asked = args.compute.asked(
        "encode",
        None,
        // Of no account on this machine, and there is no other place for it.
        FileAccess::default(),
        Job::Encode(Box::new(Encode {
            load: args.load.clone(),
            attention_heads: args.attention_heads,
            vocab,
            data_root: args.place.data_root(),
            pairs: args.pairs()?,
            features: args.feature_files()?,
            stores: prepare::stores(&args.place.workspace),
            precision: Precision::from_flag(args.place.half_features),
            allow_missing_images: args.input.allow_missing_images,
            attention: args.attention,
            heads: args.heads.then_some(args.top),
            half: args.half,
            batch_size: args.batch_size,
            output,
        })),
    );
    let path: PathBuf = compute(&Placement::Host(Host), &asked)?;
    match args.heads {
        true => status!("{}", path.display()),
        false => say(path.display().to_string())?,
    }
    Ok(exit::PASS)
}
