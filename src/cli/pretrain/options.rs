//! Options of `repro pretrain` about data and first weights.

use std::path::PathBuf;

use crate::cli::first_look::{Named, look, look_at_features};
use crate::cli::options::DataFiles;
use crate::cli::progress::board::Board;
use crate::cli::start::one_start;
use crate::placement::Placement;
use crate::prepare;
use base::error::{Error, Result};
use data::dataset::Scale;
use data::dataset::pretrain::data::{PretrainData, Source as Collection};
use data::features::Precision;
use trainings::pretrain::data::{PretrainDataSettings, PretrainRole, feature_files};
use trainings::pretrain::initial_weights::PretrainInitialWeights;
use trainings::task_loader::StoreLocation;

/// Where things are.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct PretrainDataOptions {
    /// Folder that holds data/ and snap/
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    pub workspace: PathBuf,
    #[command(flatten)]
    files: DataFiles,
    /// Use the first 500 images of each feature file only
    #[arg(long)]
    pub tiny: bool,
    /// Use the first 5000 images of each feature file only
    #[arg(long)]
    pub fast: bool,
    /// Leave out sentences about images without features, instead of stopping
    #[arg(long)]
    pub allow_missing_images: bool,
    /// Keep features as half precision in stores that have to be built (half the disk)
    #[arg(long)]
    pub half_features: bool,
}

/// First weights.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Weights")]
pub(crate) struct PretrainStartOptions {
    /// A whole pre-trained model: NAME stands for NAME_LXRT
    #[arg(long, value_name = "NAME")]
    pub load: Option<String>,
    /// A pre-trained model but for its answer head: NAME stands for NAME_LXRT
    #[arg(long, alias = "loadLXMERT", value_name = "NAME")]
    pub load_lxmert: Option<String>,
    /// What the original takes and ignores here
    #[arg(long, alias = "loadLXMERTQA", value_name = "NAME", hide = true)]
    pub load_lxmert_qa: Option<String>,
    /// BERT for the language side: bert-base-uncased.tar.gz, the folder with its files, or its pytorch_model.bin
    #[arg(long, value_name = "PATH")]
    pub bert: Option<PathBuf>,
    /// Random weights where nothing is loaded
    #[arg(long, alias = "fromScratch")]
    pub from_scratch: bool,
    /// Let weights be missing in the loaded checkpoint
    #[arg(long)]
    pub allow_missing: bool,
}

impl PretrainDataOptions {
    fn data_root(&self) -> PathBuf {
        self.files.root(&self.workspace)
    }

    /// The vocabulary's file.
    pub(crate) fn vocab(&self) -> PathBuf {
        self.files.vocab(&self.workspace)
    }

    fn stores(&self) -> StoreLocation {
        let precision = Precision::from_flag(self.half_features);
        StoreLocation::Build { folder: prepare::stores(&self.workspace), precision }
    }

    /// What is read, resolved; `threads` tokenise.
    ///
    /// # Errors
    /// Usage where the data's folder or the vocabulary is missing.
    pub(crate) fn resolve(&self, qa_sets: Option<&str>, threads: usize) -> Result<PretrainDataSettings> {
        let data_root = self.data_root();
        if !data_root.is_dir() {
            return Err(Error::usage(format!("there is no data folder {}", data_root.display()))
                .next("name the folder that holds lxmert/ and the *_imgfeat/ folders with --data-root"));
        }
        Ok(PretrainDataSettings {
            data_root,
            stores: self.stores(),
            vocab: self.files.vocab_there(&self.workspace)?,
            scale: Scale::from_flags(self.tiny, self.fast),
            allow_missing_images: self.allow_missing_images,
            qa_sets: qa_sets.map(str::to_owned),
            threads,
        })
    }

    /// Looks at vocabulary, answer table, sentences and features of these lists.
    ///
    /// # Errors
    /// Usage or data for the first that is missing or something else.
    pub(crate) fn look(&self, lists: &[(&str, PretrainRole)]) -> Result<()> {
        let data_root = self.data_root();
        look([Named::Text(self.vocab()), Named::Text(data_root.join("lxmert/all_ans.json"))])?;
        for (list, role) in lists {
            let collections = Collection::parse_list(list)?;
            PretrainData::look(&data_root, &collections)?;
            let scale = Scale::from_flags(self.tiny, self.fast);
            look_at_features(&self.stores(), &data_root, &feature_files(&data_root, &collections, *role, scale))?;
        }
        Ok(())
    }

    /// Files and folders that are read of these lists; for a container, feature stores that are not there yet are built, since
    /// it cannot.
    ///
    /// # Errors
    /// Those of building stores.
    pub(crate) fn ready(&self, lists: &[(&str, PretrainRole)], placement: &Placement) -> Result<Vec<PathBuf>> {
        let data_root = self.data_root();
        for (list, role) in lists.iter().filter(|_| !placement.builds_stores()) {
            let scale = Scale::from_flags(self.tiny, self.fast);
            for file in feature_files(&data_root, &Collection::parse_list(list)?, *role, scale) {
                self.stores().open(&data_root, &file, &Board::new())?;
            }
        }
        Ok(vec![data_root, self.vocab(), prepare::stores(&self.workspace)])
    }
}

impl PretrainStartOptions {
    /// The one that is named.
    ///
    /// # Errors
    /// Usage where it is not exactly one.
    pub(crate) fn resolve(&self) -> Result<PretrainInitialWeights> {
        let given = [
            ("--bert", self.bert.is_some()),
            ("--from-scratch", self.from_scratch),
            ("--load-lxmert", self.load_lxmert.is_some()),
            ("--load", self.load.is_some()),
        ];
        one_start(&given.into_iter().filter(|(_, given)| *given).map(|(option, _)| option).collect::<Vec<_>>())?;
        match self {
            Self { load_lxmert_qa: Some(_), .. } => {
                Err(Error::usage("--load-lxmert-qa is for fine-tuning; the original's pre-training ignores it")
                    .next("use --load for a whole pre-trained model, or --load-lxmert to leave its answer head out"))
            }
            Self { load: Some(name), .. } => Ok(PretrainInitialWeights::Whole(name.clone())),
            Self { load_lxmert: Some(name), .. } => Ok(PretrainInitialWeights::WithoutAnswers(name.clone())),
            Self { from_scratch: true, .. } => Ok(PretrainInitialWeights::Scratch),
            Self { bert: Some(path), .. } => Ok(PretrainInitialWeights::Bert(path.clone())),
            _ => Err(Error::usage("it is not said where the first weights come from")
                .next("pass one of --from-scratch (the paper's), --bert, --load-lxmert or --load")),
        }
    }

    /// The files with the weights.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        Ok(match self.resolve()? {
            PretrainInitialWeights::Bert(path) => vec![path],
            start => start.checkpoint()?.into_iter().collect(),
        })
    }
}
