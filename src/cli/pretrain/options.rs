//! Options of `repro pretrain` for its data and initial weights.

use std::path::PathBuf;

use crate::cli::initial_weights::check_single_source;
use crate::cli::named_inputs::{NamedInput, check_features, check_inputs};
use crate::cli::options::DataFiles;
use crate::cli::progress::board::Board;
use crate::placement::Placement;
use crate::prepare;
use base::error::{Error, Result};
use data::dataset::Scale;
use data::dataset::pretrain::data::{PretrainData, PretrainSource};
use data::features::Precision;
use trainings::pretrain::data::{PretrainDataSettings, PretrainRole, feature_files};
use trainings::pretrain::initial_weights::PretrainInitialWeights;
use trainings::task_loader::StoreLocation;

/// The data options of pre-training.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct PretrainDataOptions {
    /// Folder that holds data/ and snap/
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    pub workspace: PathBuf,
    #[command(flatten)]
    files: DataFiles,
    /// Use only the first 500 images of each feature file
    #[arg(long)]
    pub tiny: bool,
    /// Use only the first 5000 images of each feature file
    #[arg(long)]
    pub fast: bool,
    /// Skip sentences about images without features, instead of failing
    #[arg(long)]
    pub allow_missing_images: bool,
    /// Build missing feature stores in half precision (half the disk space)
    #[arg(long)]
    pub half_features: bool,
}

/// The sources of initial weights, of which exactly one must be given.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Weights")]
pub(crate) struct PretrainInitialWeightsOptions {
    /// A whole pre-trained model; NAME means NAME_LXRT
    #[arg(long, value_name = "NAME")]
    pub load: Option<String>,
    /// A pre-trained model without its answer head; NAME means NAME_LXRT
    #[arg(long, alias = "loadLXMERT", value_name = "NAME")]
    pub load_lxmert: Option<String>,
    /// Accepted and ignored by the original; refused here
    #[arg(long, alias = "loadLXMERTQA", value_name = "NAME", hide = true)]
    pub load_lxmert_qa: Option<String>,
    /// BERT for the language side: bert-base-uncased.tar.gz, the folder with its files, or its pytorch_model.bin
    #[arg(long, value_name = "PATH")]
    pub bert: Option<PathBuf>,
    /// Random weights
    #[arg(long, alias = "fromScratch")]
    pub from_scratch: bool,
    /// Accept a checkpoint with missing weights
    #[arg(long)]
    pub allow_missing: bool,
}

impl PretrainDataOptions {
    fn data_root(&self) -> PathBuf {
        self.files.root(&self.workspace)
    }

    /// Returns the path of the vocabulary.
    pub(crate) fn vocab(&self) -> PathBuf {
        self.files.vocab(&self.workspace)
    }

    fn stores(&self) -> StoreLocation {
        let precision = Precision::from_flag(self.half_features);
        StoreLocation::Build { folder: prepare::stores(&self.workspace), precision }
    }

    /// Returns the data settings; `threads` is the number of threads that tokenise.
    ///
    /// # Errors
    /// Usage if the data root or the vocabulary is missing.
    pub(crate) fn resolve(&self, qa_sets: Option<&str>, threads: usize) -> Result<PretrainDataSettings> {
        let data_root = self.data_root();
        if !data_root.is_dir() {
            return Err(Error::usage(format!("there is no data folder {}", data_root.display()))
                .next("pass --data-root with the folder that holds lxmert/ and the *_imgfeat/ folders"));
        }
        Ok(PretrainDataSettings {
            data_root,
            stores: self.stores(),
            vocab: self.files.existing_vocab(&self.workspace)?,
            scale: Scale::from_flags(self.tiny, self.fast),
            allow_missing_images: self.allow_missing_images,
            qa_sets: qa_sets.map(str::to_owned),
            threads,
        })
    }

    /// Checks the vocabulary, the answer table, and the sentences and features of lists of collections.
    ///
    /// # Errors
    /// Usage or data for the first that is missing or of the wrong kind.
    pub(crate) fn check_inputs(&self, lists: &[(&str, PretrainRole)]) -> Result<()> {
        let data_root = self.data_root();
        check_inputs([NamedInput::Text(self.vocab()), NamedInput::Text(data_root.join("lxmert/all_ans.json"))])?;
        for (list, role) in lists {
            let collections = PretrainSource::parse_list(list)?;
            PretrainData::look(&data_root, &collections)?;
            let scale = Scale::from_flags(self.tiny, self.fast);
            check_features(&self.stores(), &data_root, &feature_files(&data_root, &collections, *role, scale))?;
        }
        Ok(())
    }

    /// Returns the files and folders that lists of collections need. Builds missing feature stores for a container, which cannot
    /// build them.
    ///
    /// # Errors
    /// Those of building stores.
    pub(crate) fn prepare_paths(&self, lists: &[(&str, PretrainRole)], placement: &Placement) -> Result<Vec<PathBuf>> {
        let data_root = self.data_root();
        for (list, role) in lists.iter().filter(|_| !placement.builds_stores()) {
            let scale = Scale::from_flags(self.tiny, self.fast);
            for file in feature_files(&data_root, &PretrainSource::parse_list(list)?, *role, scale) {
                self.stores().open(&data_root, &file, &Board::new())?;
            }
        }
        Ok(vec![data_root, self.vocab(), prepare::stores(&self.workspace)])
    }
}

impl PretrainInitialWeightsOptions {
    /// Returns the source that was given.
    ///
    /// # Errors
    /// Usage if not exactly one was given.
    pub(crate) fn resolve(&self) -> Result<PretrainInitialWeights> {
        let given = [
            ("--bert", self.bert.is_some()),
            ("--from-scratch", self.from_scratch),
            ("--load-lxmert", self.load_lxmert.is_some()),
            ("--load", self.load.is_some()),
        ];
        check_single_source(
            &given.into_iter().filter(|(_, given)| *given).map(|(option, _)| option).collect::<Vec<_>>(),
        )?;
        match self {
            Self { load_lxmert_qa: Some(_), .. } => {
                Err(Error::usage("--load-lxmert-qa is only for fine-tuning; the original's pre-training ignores it")
                    .next(
                        "use --load for a whole pre-trained model, or --load-lxmert to load it without its answer head",
                    ))
            }
            Self { load: Some(name), .. } => Ok(PretrainInitialWeights::Whole(name.clone())),
            Self { load_lxmert: Some(name), .. } => Ok(PretrainInitialWeights::WithoutAnswers(name.clone())),
            Self { from_scratch: true, .. } => Ok(PretrainInitialWeights::Scratch),
            Self { bert: Some(path), .. } => Ok(PretrainInitialWeights::Bert(path.clone())),
            _ => Err(Error::usage("no initial weights are given")
                .next("pass one of --from-scratch (the paper's), --bert, --load-lxmert or --load")),
        }
    }

    /// Returns the files with the weights.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        Ok(match self.resolve()? {
            PretrainInitialWeights::Bert(path) => vec![path],
            start => start.checkpoint()?.into_iter().collect(),
        })
    }
}
