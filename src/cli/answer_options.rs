//! Options and code that `predict` and `evaluate` share: one or more models answer a split.

use std::path::{Path, PathBuf};

use super::defaults::by_task;
use super::engine::EngineOptions;
use super::named_inputs::{NamedInput, check_data, check_inputs};
use super::number_parsers::count;
use super::options::{ComputeOptions, DataOptions, ModelOptions, note_other_vocabulary};
use super::original_extras::OriginalExtras;
use super::run_worker::run_worker;
use super::value_parsers::average;
use crate::placement::{FileAccess, Placement};
use base::error::{Error, Result};
use base::status;
use data::dataset::{Prediction, Scale, Task, TaskData, read_predictions};
use judge::evidence::attribution::{self, Attribution};
use lxmert_spec::description::check_vocabulary_sha256;
use lxmert_spec::loading::locate;
use lxmert_spec::paper::fine_tuning;
use lxmert_spec::{Config, ModelDescription};
use protocol::{Answer, Job};
use trainings::options::Average;
use trainings::task_loader::TaskLoader;

/// The options of models that answer a split, and of how they run.
#[derive(Debug, clap::Args)]
pub(crate) struct AnswerOptions {
    /// The fine-tuned model: a .safetensors or .pth file; the suffix can be omitted. Several models answer together
    #[arg(long, value_name = "NAME", num_args = 1.., action = clap::ArgAction::Append)]
    pub load: Vec<String>,
    /// What to average if several models answer
    #[arg(long, value_parser = average(), default_value = "probabilities")]
    pub average: Average,
    #[arg(long, alias = "batchSize", value_name = "N", value_parser = count::<usize>, allow_negative_numbers = true,
        help = by_task("Examples per batch", |paper| paper.answer_batch_size.to_string()))]
    batch_size: Option<usize>,
    /// Accept a checkpoint with missing encoder weights
    #[arg(long)]
    pub allow_missing: bool,
    #[command(flatten)]
    pub data: DataOptions,
    #[command(flatten)]
    pub model: ModelOptions,
    #[command(flatten)]
    pub compute: ComputeOptions,
    #[command(flatten)]
    pub engine: EngineOptions,
    #[command(flatten)]
    pub extras: OriginalExtras,
}

/// A split with the answers of the models.
pub(crate) struct AnsweredSplit {
    /// All examples with their labels, including those without features.
    pub data: TaskData,
    /// One prediction for each example with features.
    pub predictions: Vec<Prediction>,
    /// The models that answered.
    pub models: Vec<AnsweringModel>,
    /// The worker's record.
    pub facts: protocol::AnswerOutcome,
}

/// A model that answered.
pub(crate) struct AnsweringModel {
    /// Its file, or its folder in Hugging Face's layout.
    pub file: PathBuf,
    /// The number of its parameters.
    pub parameters: u64,
    /// Its checksum, and the training that produced it.
    pub origin: Attribution,
}

impl AnswerOptions {
    /// Returns the model files.
    ///
    /// # Errors
    /// Usage if no model is given; data if one is missing.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        if self.load.is_empty() {
            return Err(Error::usage("no model is given")
                .next("pass --load with one or more fine-tuned models, such as workspace/snap/vqa/BEST"));
        }
        self.load.iter().map(|name| locate(name, "")).collect()
    }

    /// Checks the named files before feature stores are built.
    ///
    /// # Errors
    /// Usage or data for the first that is missing or of the wrong kind.
    pub(crate) fn check_inputs(&self, task: Task, split: &str) -> Result<()> {
        let config = self.model.config.iter().map(|path| NamedInput::Text(path.clone()));
        check_inputs(self.load.iter().map(|name| NamedInput::Checkpoint(name, "")).chain(config))?;
        for file in self.files()? {
            if let Some(description) = ModelDescription::read(&file)? {
                let name = || format!("{} cannot answer {task} {split}", file.display());
                description.check_task(task).map_err(|error| error.while_doing(name()))?;
            }
        }
        check_data(&self.data.resolve(task)?, &[split])
    }

    /// Returns the files that the worker reads, and the file for the answers.
    fn file_access(&self, task: Task, split: &str, placement: &Placement, output: &Path) -> Result<FileAccess> {
        let mut reads = self.data.prepare_paths(task, split, placement)?;
        reads.extend(self.files()?);
        Ok(FileAccess { reads, folder: None, file: Some(output.to_owned()) })
    }

    /// Returns whether the user allowed to answer only a part of the split.
    pub(crate) fn is_partial(&self) -> bool {
        self.data.allow_missing_images || Scale::from_flags(self.data.tiny, self.data.fast) != Scale::Full
    }

    /// Returns a description such as "3 models, mean of probabilities"; `None` for a single model.
    pub(crate) fn ensemble(&self) -> Option<String> {
        let what = match self.average {
            Average::Probabilities => "probabilities",
            Average::Logits => "logits",
        };
        (self.load.len() > 1).then(|| format!("{} models, mean of {what}", self.load.len()))
    }

    /// Answers a split: the worker reads the questions once, loads all models, and writes the answers to `output`.
    ///
    /// # Errors
    /// Usage or data that names the model's file if a model does not fit the task or the data.
    pub(crate) fn answer(
        &self,
        name: &str,
        task: Task,
        split: &str,
        placement: &Placement,
        output: &Path,
    ) -> Result<AnsweredSplit> {
        self.extras.print_note();
        let files = self.files()?;
        self.check_inputs(task, split)?;
        let data = self.data.resolve(task)?;
        let loader = TaskLoader::new(data.clone())?;
        let vocabulary = loader.tokenizer();
        note_other_vocabulary(vocabulary)?;
        let origin = |file: &PathBuf| {
            let origin = attribution::find(file, task)?;
            // A .pth file does not record its vocabulary; its training does.
            if let Some(then) = &origin.vocabulary {
                check_vocabulary_sha256(&file.display().to_string(), then, vocabulary)?;
            }
            if let Some(note) = &origin.note {
                status!("note: {note}");
            }
            Ok(origin)
        };
        let origins: Vec<Attribution> = files.iter().map(origin).collect::<Result<_>>()?;
        let (sizes, overrule) = self.sizes(&files, &loader)?;
        let job = self.compute.worker_job(
            name,
            None,
            self.file_access(task, split, placement, output)?,
            Job::Answer(Box::new(Answer {
                data: data.clone(),
                splits: split.to_owned(),
                models: files,
                average: self.average,
                batch_size: self.batch_size.unwrap_or(fine_tuning(task).answer_batch_size),
                allow_missing: self.allow_missing,
                sizes,
                overrule,
                output: output.to_owned(),
                stage: false,
            })),
        );
        let facts: protocol::AnswerOutcome = run_worker(placement, &job)?;
        let model = |(facts, origin): (&protocol::ModelFacts, Attribution)| AnsweringModel {
            file: facts.file.clone(),
            parameters: facts.parameters,
            origin,
        };
        Ok(AnsweredSplit {
            data: TaskData::load(task, &data.data_root, split)?,
            predictions: read_predictions(task, output)?,
            models: facts.models.iter().zip(origins).map(model).collect(),
            facts,
        })
    }

    /// Returns the sizes given by options, for files that state none, and whether they take precedence over the sizes in the file:
    /// only for a single model; of several models, each keeps its own. The width of the features is set once they are read.
    fn sizes(&self, files: &[PathBuf], loader: &TaskLoader) -> Result<(Option<Config>, bool)> {
        let overrule = self.model.any() && self.load.len() == 1;
        let has_description = |file: &PathBuf| Ok(ModelDescription::read(file)?.is_some());
        let all_described = files
            .iter()
            .map(has_description)
            .collect::<Result<Vec<bool>>>()?
            .into_iter()
            .all(|has_description| has_description);
        let sizes = (overrule || !all_described).then(|| self.model.resolve(loader.vocab_size(), 1)).transpose()?;
        Ok((sizes, overrule))
    }
}
