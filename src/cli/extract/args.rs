//! The arguments of `repro extract`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::super::assets::{ManifestOptions, OutputFormat};
use super::options::{ContainerOptions, NativeOptions};
use crate::extract::image_sets::{ImageSet, Split};

/// Extract obj36 features from images with the original's detector
///
/// Computes with the detector that made the released features: natively on libtorch, on any GPU or on the CPU, or by the original's
/// unmodified script in its container image, which needs a GPU of compute capability 7.x or lower. Checks every row as it is written;
/// after any interruption, the same command resumes. The complete file is written in a defined order, with the name that training
/// expects: NLVR2 {train,valid,test,hidden}_obj36.tsv, COCO {train2014,val2014,test2015}_obj36.tsv, GQA vg_gqa_obj36.tsv, a folder
/// of your own <folder>_obj36.tsv. NAME.extract.json beside it records how it was made, NAME.missing.json the images without features
/// and the reasons.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Set of images
    pub(super) set: ImageSet,
    /// Folder of your own images, for the set `folder`
    #[arg(value_name = "DIR")]
    pub(super) folder: Option<PathBuf>,
    /// Split of the set; GQA and a folder have none
    #[arg(long)]
    pub(super) split: Option<Split>,
    /// Folder of images: NLVR2's with train/, dev/, test1/, test2/; COCO's with train2014/, val2014/, test2015/; GQA's itself; for
    /// golden [default: <workspace>/data/golden/images]
    #[arg(long, value_name = "DIR")]
    pub(super) images: Option<PathBuf>,
    /// File that names images of the folder and their ids: on each line a path, a tab and an id [default: all images; an id is the name
    /// of the file up to the first dot]
    #[arg(long, value_name = "FILE")]
    pub(super) ids: Option<PathBuf>,
    /// For golden: the released rows to judge by [default: <workspace>/data/golden/train2014_obj36.tsv, as it was fetched]
    #[arg(long, value_name = "FILE")]
    pub(super) released: Option<PathBuf>,
    /// Folder to write the features into
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Extractor to use
    #[arg(long, value_enum, default_value = "auto")]
    pub(super) backend: ExtractBackend,
    /// Write the features in this form too; repeat it for both
    #[arg(long, value_enum, value_name = "FORM")]
    pub(super) also: Vec<Form>,
    /// Write the file even if some images have no features; they are still listed
    #[arg(long)]
    pub(super) allow_missing: bool,
    /// Order of the rows: minival's 5000 images first, then by id (default for COCO valid, where the programs read minival from the
    /// beginning), or all by id
    #[arg(long, value_enum)]
    pub(super) order: Option<OrderBy>,
    /// File with the questions of minival [default: <workspace>/data/vqa/minival.json]
    #[arg(long, value_name = "FILE")]
    pub(super) minival: Option<PathBuf>,
    /// Show what would be done; needs no container engine
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Folder that holds data/ with the script and the detector's weights
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    pub(super) workspace: PathBuf,
    /// What to print: text, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: OutputFormat,
    #[command(flatten)]
    pub(super) native: NativeOptions,
    #[command(flatten)]
    pub(super) container: ContainerOptions,
    #[command(flatten)]
    pub(super) manifest: ManifestOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ExtractBackend {
    /// The original's image where its GPU is supported, native elsewhere
    Auto,
    /// The original's detector on libtorch, on GPUs or on the CPU
    Native,
    /// The original's Caffe model, in its container
    Caffe,
    /// The same without a GPU: 13 GiB of memory and about 20 s an image, so for few images
    CaffeCpu,
    /// The classical detector of `repro all --profile demo`, for drawn scenes
    Demo,
}

/// A form of features besides the TSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// The mapped store that training builds from a TSV
    Store,
    /// A folder with one .npz file of numpy for each image
    Npz,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OrderBy {
    /// By id
    Id,
    /// Minival's images first
    Minival,
}

const AFTER_HELP: &str = "\
Examples:
  repro extract folder photos --out features
  repro extract folder photos --out features --boxes 10..100 --threshold 0.3 --gpus none
  repro extract folder photos --out features --ids ids.tsv --also npz
  repro extract golden --out features --backend caffe-cpu
  repro extract nlvr2 --split valid --images nlvr2/images --out workspace/data/nlvr2_imgfeat
  repro extract coco --split valid --images mscoco/images --out workspace/data/mscoco_imgfeat --backend caffe --gpus 0,1
  repro extract gqa --images gqa/images --out workspace/data/vg_gqa_imgfeat --dry-run

`repro extract golden` compares what it extracted with the released rows and judges: exit code 0 PASS, 1 FAIL, 3 INCONCLUSIVE. The
native detector is INCONCLUSIVE at best, since it was never run with the published weights; golden/features.toml has the reasons.

First fetch the script and the weights with `repro fetch --task extractor`, and for caffe the image with `repro images pull extractor`.

Exit codes: 0 the file is complete; 2 usage; 4 no engine, no GPU, a GPU that is too new, too little memory, or a container or
worker failed; 5 images have no features (they are listed, and --allow-missing writes the file without them), or a row or a file is
damaged; 7 the script has the wrong checksum; 8 disk full; 130 interrupted.";
