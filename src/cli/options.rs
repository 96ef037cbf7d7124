//! Options that several commands share: data, model sizes, device and threads.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::number_parsers::{count, dropout, whole};
use super::progress::board::Board;
use super::value_parsers::ablation;
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

/// The options of the data root and the vocabulary.
#[derive(Debug, Args)]
pub(crate) struct DataFiles {
    /// Folder laid out like the original's data/ [default: <workspace>/data]
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    data_root: Option<PathBuf>,
    /// WordPiece vocabulary (bert-base-uncased's vocab.txt) [default: <data root>/vocab.txt]
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    vocab: Option<PathBuf>,
}

impl DataFiles {
    /// Returns the folder laid out like the original's `data/`.
    pub(crate) fn root(&self, workspace: &Path) -> PathBuf {
        self.data_root.clone().unwrap_or_else(|| workspace.join("data"))
    }

    /// Returns the path of the vocabulary.
    pub(crate) fn vocab(&self, workspace: &Path) -> PathBuf {
        self.vocab.clone().unwrap_or_else(|| self.root(workspace).join("vocab.txt"))
    }

    /// Like [`vocab`](Self::vocab), but checks that the file exists.
    ///
    /// # Errors
    /// Usage if it is missing.
    pub(crate) fn existing_vocab(&self, workspace: &Path) -> Result<PathBuf> {
        let vocab = self.vocab(workspace);
        if !vocab.exists() {
            return Err(Error::usage(format!("there is no vocabulary {}", vocab.display()))
                .next("put the vocab.txt of bert-base-uncased there, or name it with --vocab"));
        }
        Ok(vocab)
    }
}

/// Prints a note if a vocabulary is not the one of the published models.
///
/// # Errors
/// A bug if the embedded data are wrong.
pub(crate) fn note_other_vocabulary(tokenizer: &Tokenizer) -> Result<()> {
    let published = published_vocabulary()?;
    if tokenizer.sha256() != published {
        status!(
            "note: the vocabulary {} is not bert-base-uncased's, which the published models use (SHA-256 {}, not {published})",
            tokenizer.origin(),
            tokenizer.sha256()
        );
    }
    Ok(())
}

/// The data options of fine-tuning and answering.
#[derive(Debug, Args)]
pub(crate) struct DataOptions {
    /// Folder that holds data/, snap/ and runs/
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE", help_heading = "Data")]
    pub workspace: PathBuf,
    #[command(flatten)]
    files: DataFiles,
    /// Use only the first 512 images of each feature file
    #[arg(long, help_heading = "Data")]
    pub tiny: bool,
    /// Use only the first 5000 images of each feature file
    #[arg(long, help_heading = "Data")]
    pub fast: bool,
    /// Skip examples whose images have no features, instead of failing
    #[arg(long, help_heading = "Data")]
    pub allow_missing_images: bool,
    /// Build missing feature stores in half precision (half the disk space)
    #[arg(long, help_heading = "Data")]
    pub half_features: bool,
    /// Remove one modality from the input, to measure the other alone
    #[arg(long, value_parser = ablation(), help_heading = "Data")]
    pub ablate: Option<Ablation>,
}

impl DataOptions {
    /// Returns the folder laid out like the original's `data/`.
    pub(crate) fn data_root(&self) -> PathBuf {
        self.files.root(&self.workspace)
    }

    /// Returns the data settings of a task.
    ///
    /// # Errors
    /// Usage if the data root or the vocabulary is missing.
    pub(crate) fn resolve(&self, task: Task) -> Result<TaskDataSettings> {
        let data_root = self.data_root();
        if !data_root.is_dir() {
            return Err(Error::usage(format!("there is no data folder {}", data_root.display()))
                .next("pass --data-root with the folder that holds vqa/, gqa/, nlvr2/ and the *_imgfeat/ folders"));
        }
        let vocab = self.files.existing_vocab(&self.workspace)?;
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
    /// Returns the files and folders that splits of a task need. Builds missing feature stores for a container, which cannot build
    /// them.
    pub(crate) fn prepare_paths(&self, task: Task, splits: &str, placement: &Placement) -> Result<Vec<PathBuf>> {
        let TaskDataSettings { data_root, vocab, scale, .. } = self.resolve(task)?;
        let (precision, stores) = (Precision::from_flag(self.half_features), prepare::stores(&self.workspace));
        if !placement.builds_stores() {
            build_stores(FeatureSelection { task, splits, scale, precision }, &data_root, &stores, &Board::new())?;
        }
        Ok(vec![data_root, vocab, stores])
    }
}

/// The options of the model's sizes.
#[derive(Debug, Args)]
pub(crate) struct ModelOptions {
    /// Preset of sizes [default: lxr955, the paper's]
    #[arg(long, value_name = "PRESET", value_parser = PossibleValuesParser::new(Config::preset_names()), help_heading = "Model")]
    pub model: Option<String>,
    /// JSON file with the sizes, instead of a preset
    #[arg(long, value_name = "FILE", conflicts_with = "model", help_heading = "Model")]
    pub config: Option<PathBuf>,
    /// Number of language layers
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true, help_heading = "Model")]
    pub llayers: Option<usize>,
    /// Number of cross-modality layers
    #[arg(long, value_name = "N", value_parser = count::<usize>, allow_negative_numbers = true, help_heading = "Model")]
    pub xlayers: Option<usize>,
    /// Number of object-relationship layers
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true, help_heading = "Model")]
    pub rlayers: Option<usize>,
    /// Dropout probability, also that of attention [default: the preset's, 0.1]
    #[arg(long, value_name = "P", value_parser = dropout, allow_negative_numbers = true, help_heading = "Model")]
    pub dropout: Option<f64>,
}

impl ModelOptions {
    /// Returns whether any size is given.
    pub(crate) fn any(&self) -> bool {
        self.model.is_some()
            || self.config.is_some()
            || self.llayers.is_some()
            || self.xlayers.is_some()
            || self.rlayers.is_some()
    }

    /// Returns the sizes of a model for a vocabulary and a feature width, which the data determine.
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

/// The options of the device and the threads.
#[derive(Debug, Args)]
pub(crate) struct ComputeOptions {
    /// cpu, cuda or cuda:N; auto uses a GPU if there is one. CUDA needs a program that was built after ci/setup --cuda
    #[arg(long, value_name = "DEVICE", default_value = "auto", help_heading = "Compute")]
    pub device: String,
    /// Number of CPU threads [default: all cores]. Results are bit-identical for the same number
    #[arg(long, value_name = "N", value_parser = count::<u16>, allow_negative_numbers = true, help_heading = "Compute")]
    pub threads: Option<u16>,
}

impl ComputeOptions {
    /// Returns the number of threads.
    pub(crate) fn threads(&self) -> usize {
        self.threads.map_or_else(base::host::cores, usize::from)
    }

    /// Returns a worker's job with these options.
    pub(crate) fn worker_job(&self, name: &str, record: Option<PathBuf>, files: FileAccess, job: Job) -> WorkerJob {
        WorkerJob {
            name: name.to_owned(),
            device: self.device.clone(),
            threads: self.threads(),
            record,
            files,
            job,
            stop: None,
        }
    }
}
