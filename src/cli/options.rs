//! Options that `train`, `evaluate` and `predict` share.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::choices::ablation;
use super::progress::board::Board;
use super::values::{count, dropout, whole};
use crate::pipeline::container::{FeatureSelection, build_stores};
use crate::placement::{FileAccess, Placement, WorkerJob};
use crate::prepare;
use base::error::{Error, Result};
use base::status;
use data::dataset::tokenizer::Tokenizer;
use data::dataset::{Scale, Task};
use data::features::Precision;
use judge::grade::vocabulary::published_vocabulary;
use lxmert_spec::Config;
use lxmert_spec::paper::MODEL;
use protocol::Job;
use trainings::options::Ablation;
use trainings::task_loader::{StoreLocation, TaskDataSettings};

/// The data's folder and the vocabulary.
#[derive(Debug, Args)]
pub(crate) struct DataFiles {
    /// Data in the layout of the original's data/ folder [default: <workspace>/data]
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    data_root: Option<PathBuf>,
    /// WordPiece vocabulary (bert-base-uncased's vocab.txt) [default: <data root>/vocab.txt]
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    vocab: Option<PathBuf>,
}

impl DataFiles {
    /// The folder laid out as the original's data/.
    pub(crate) fn root(&self, workspace: &Path) -> PathBuf {
        self.data_root.clone().unwrap_or_else(|| workspace.join("data"))
    }

    /// The vocabulary's file.
    pub(crate) fn vocab(&self, workspace: &Path) -> PathBuf {
        self.vocab.clone().unwrap_or_else(|| self.root(workspace).join("vocab.txt"))
    }

    /// [`vocab`](Self::vocab), where it is there.
    ///
    /// # Errors
    /// Usage where it is not.
    pub(crate) fn vocab_there(&self, workspace: &Path) -> Result<PathBuf> {
        let vocab = self.vocab(workspace);
        if !vocab.exists() {
            return Err(Error::usage(format!("there is no vocabulary {}", vocab.display()))
                .next("put the vocab.txt of bert-base-uncased there, or name it with --vocab"));
        }
        Ok(vocab)
    }
}

/// Says that a vocabulary is not that of the published models, where it is another.
///
/// # Errors
/// None but bugs.
pub(crate) fn say_vocabulary(tokenizer: &Tokenizer) -> Result<()> {
    let published = published_vocabulary()?;
    if tokenizer.sha256() != published {
        status!(
            "note: {} is another vocabulary than bert-base-uncased's, which the published models have (SHA-256 {}, not {published})",
            tokenizer.origin(),
            tokenizer.sha256()
        );
    }
    Ok(())
}

/// Where things are.
#[derive(Debug, Args)]
pub(crate) struct DataOptions {
    /// Folder that holds data/, snap/ and runs/
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE", help_heading = "Data")]
    pub workspace: PathBuf,
    #[command(flatten)]
    files: DataFiles,
    /// Use the first 512 images of each feature file only
    #[arg(long, help_heading = "Data")]
    pub tiny: bool,
    /// Use the first 5000 images of each feature file only
    #[arg(long, help_heading = "Data")]
    pub fast: bool,
    /// Leave out examples whose images have no features, instead of stopping
    #[arg(long, help_heading = "Data")]
    pub allow_missing_images: bool,
    /// Keep features as half precision in stores that have to be built (half the disk)
    #[arg(long, help_heading = "Data")]
    pub half_features: bool,
    /// Leave a modality out of the input, to see what the other alone can do
    #[arg(long, value_parser = ablation(), help_heading = "Data")]
    pub ablate: Option<Ablation>,
}

impl DataOptions {
    /// The folder laid out as the original's data/.
    pub(crate) fn data_root(&self) -> PathBuf {
        self.files.root(&self.workspace)
    }

    /// Resolved for a task.
    pub(crate) fn resolve(&self, task: Task) -> Result<TaskDataSettings> {
        let data_root = self.data_root();
        if !data_root.is_dir() {
            return Err(Error::usage(format!("there is no data folder {}", data_root.display()))
                .next("name the folder that holds vqa/, gqa/, nlvr2/ and the *_imgfeat/ folders with --data-root"));
        }
        let vocab = self.files.vocab_there(&self.workspace)?;
        Ok(TaskDataSettings {
            task,
            data_root,
            stores: StoreLocation::Build {
                folder: prepare::stores(&self.workspace),
                precision: Precision::from_flag(self.half_features),
            },
            vocab,
            scale: Scale::from_flags(self.tiny, self.fast),
            allow_missing_images: self.allow_missing_images,
            ablation: self.ablate,
        })
    }
}

impl DataOptions {
    /// Files and folders that splits of a task need; for a container, feature stores that are not there yet are built, since it
    /// cannot.
    pub(crate) fn ready(&self, task: Task, splits: &str, placement: &Placement) -> Result<Vec<PathBuf>> {
        let TaskDataSettings { data_root, vocab, scale, .. } = self.resolve(task)?;
        let (precision, stores) = (Precision::from_flag(self.half_features), prepare::stores(&self.workspace));
        if !placement.builds_stores() {
            build_stores(FeatureSelection { task, splits, scale, precision }, &data_root, &stores, &Board::new())?;
        }
        Ok(vec![data_root, vocab, stores])
    }
}

/// Sizes of the model.
#[derive(Debug, Args)]
pub(crate) struct ModelOptions {
    /// Sizes by name [default: lxr955, the paper's]
    #[arg(long, value_name = "PRESET", value_parser = PossibleValuesParser::new(Config::preset_names()), help_heading = "Model")]
    pub model: Option<String>,
    /// Sizes from a JSON file instead
    #[arg(long, value_name = "FILE", conflicts_with = "model", help_heading = "Model")]
    pub config: Option<PathBuf>,
    /// Language layers
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true, help_heading = "Model")]
    pub llayers: Option<usize>,
    /// Cross-modality layers
    #[arg(long, value_name = "N", value_parser = count::<usize>, allow_negative_numbers = true, help_heading = "Model")]
    pub xlayers: Option<usize>,
    /// Object-relationship layers
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true, help_heading = "Model")]
    pub rlayers: Option<usize>,
    /// Dropout everywhere [default: the preset's, 0.1]
    #[arg(long, value_name = "P", value_parser = dropout, allow_negative_numbers = true, help_heading = "Model")]
    pub dropout: Option<f64>,
}

impl ModelOptions {
    /// Whether any size is given.
    pub(crate) fn any(&self) -> bool {
        self.model.is_some()
            || self.config.is_some()
            || self.llayers.is_some()
            || self.xlayers.is_some()
            || self.rlayers.is_some()
    }

    /// The sizes for a vocabulary and a feature width, which the data decide.
    pub(crate) fn resolve(&self, vocab_size: usize, visual_feat_dim: usize) -> Result<Config> {
        let mut config = match &self.config {
            Some(path) => Config::read(path)?,
            None => Config::preset(self.model.as_deref().unwrap_or(MODEL))?,
        };
        config.l_layers = self.llayers.unwrap_or(config.l_layers);
        config.x_layers = self.xlayers.unwrap_or(config.x_layers);
        config.r_layers = self.rlayers.unwrap_or(config.r_layers);
        if let Some(p) = self.dropout {
            (config.hidden_dropout_prob, config.attention_probs_dropout_prob) = (p, p);
        }
        (config.vocab_size, config.visual_feat_dim) = (vocab_size, visual_feat_dim);
        config.check()?;
        Ok(config)
    }
}

/// Where and how the arithmetic runs.
#[derive(Debug, Args)]
pub(crate) struct ComputeOptions {
    /// cpu, cuda or cuda:N; auto takes a GPU where there is one. CUDA needs a program built after ci/setup --cuda
    #[arg(long, value_name = "DEVICE", default_value = "auto", help_heading = "Compute")]
    pub device: String,
    /// CPU threads [default: all cores]. Results are bit-identical for the same number
    #[arg(long, value_name = "N", value_parser = count::<u16>, allow_negative_numbers = true, help_heading = "Compute")]
    pub threads: Option<u16>,
}

impl ComputeOptions {
    /// How many threads the arithmetic gets.
    pub(crate) fn threads(&self) -> usize {
        self.threads.map_or_else(base::host::cores, usize::from)
    }

    /// Returns the work to ask a worker for, with these options.
    pub(crate) fn asked(&self, name: &str, record: Option<PathBuf>, touched: FileAccess, job: Job) -> WorkerJob {
        WorkerJob {
            name: name.to_owned(),
            device: self.device.clone(),
            threads: self.threads(),
            record,
            files: touched,
            job,
        }
    }
}
