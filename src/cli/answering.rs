//! One or more models that answer a split together: what `predict` and `evaluate` share.

use std::path::{Path, PathBuf};

use super::choices::average;
use super::compute::compute;
use super::defaults::by_task;
use super::engine::EngineOptions;
use super::first_look::{Named, look, look_at_data};
use super::options::{ComputeOptions, DataOptions, ModelOptions, say_vocabulary};
use super::original_extras::OriginalExtras;
use super::values::count;
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

/// Models and how to run them.
#[derive(Debug, clap::Args)]
pub(crate) struct Answering {
    /// The fine-tuned model: a .safetensors or .pth file; the suffix may be left out. Several answer together
    #[arg(long, value_name = "NAME", num_args = 1.., action = clap::ArgAction::Append)]
    pub load: Vec<String>,
    /// What is averaged where several models answer
    #[arg(long, value_parser = average(), default_value = "probabilities")]
    pub average: Average,
    #[arg(long, alias = "batchSize", value_name = "N", value_parser = count::<usize>, allow_negative_numbers = true,
        help = by_task("Examples a batch", |paper| paper.answer_batch_size.to_string()))]
    batch_size: Option<usize>,
    /// Let encoder weights be missing in the checkpoint
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

/// What the models said.
pub(crate) struct Answered {
    /// The examples with their labels, including those without features.
    pub data: TaskData,
    /// One prediction for each usable example.
    pub predictions: Vec<Prediction>,
    /// The models that answered.
    pub models: Vec<AnsweringModel>,
    /// What the worker says of its work.
    pub facts: protocol::Answered,
}

/// A model that answered.
pub(crate) struct AnsweringModel {
    /// Its file, or its folder in Hugging Face's layout.
    pub file: PathBuf,
    /// How many numbers it holds.
    pub parameters: u64,
    /// Where it is from.
    pub origin: Attribution,
}

impl Answering {
    /// The model files.
    ///
    /// # Errors
    /// Usage where none is named, data where one is not there.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        if self.load.is_empty() {
            return Err(Error::usage("no model is named").next(
                "pass --load with a fine-tuned model, such as workspace/snap/vqa/BEST; several answer together",
            ));
        }
        self.load.iter().map(|name| locate(name, "")).collect()
    }

    /// Looks at what is named, before features are converted.
    ///
    /// # Errors
    /// Usage or data for the first that is missing or something else.
    pub(crate) fn look(&self, task: Task, split: &str) -> Result<()> {
        let config = self.model.config.iter().map(|path| Named::Text(path.clone()));
        look(self.load.iter().map(|name| Named::Checkpoint(name, "")).chain(config))?;
        for file in self.files()? {
            if let Some(description) = ModelDescription::read(&file)? {
                let name = || format!("{} cannot answer {task} {split}", file.display());
                description.check_task(task).map_err(|error| error.while_doing(name()))?;
            }
        }
        look_at_data(&self.data.resolve(task)?, &[split])
    }

    /// What the worker reads, and the file for the answers.
    fn touched(&self, task: Task, split: &str, placement: &Placement, output: &Path) -> Result<FileAccess> {
        let mut reads = self.data.ready(task, split, placement)?;
        reads.extend(self.files()?);
        Ok(FileAccess { reads, folder: None, file: Some(output.to_owned()) })
    }

    /// Whether examples without features are left out, as the person asked.
    pub(crate) fn in_part(&self) -> bool {
        self.data.allow_missing_images || Scale::from_flags(self.data.tiny, self.data.fast) != Scale::Full
    }

    /// "3 models, mean of probabilities"; none for a single model.
    pub(crate) fn together(&self) -> Option<String> {
        let what = match self.average {
            Average::Probabilities => "probabilities",
            Average::Logits => "logits",
        };
        (self.load.len() > 1).then(|| format!("{} models, mean of {what}", self.load.len()))
    }

    /// Answers a split: the worker reads the questions once, loads all models, and writes the answers into `output`.
    ///
    /// # Errors
    /// Usage or data where a model does not belong to the task or its data, naming the file.
    pub(crate) fn answer(
        &self,
        name: &str,
        task: Task,
        split: &str,
        placement: &Placement,
        output: &Path,
    ) -> Result<Answered> {
        self.extras.say();
        let files = self.files()?;
        self.look(task, split)?;
        let data = self.data.resolve(task)?;
        let loader = TaskLoader::new(data.clone())?;
        let vocabulary = loader.tokenizer();
        say_vocabulary(vocabulary)?;
        let origin = |file: &PathBuf| {
            let origin = attribution::find(file, task)?;
            // A .pth does not say it itself.
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
        let asked = self.compute.asked(
            name,
            None,
            self.touched(task, split, placement, output)?,
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
        let facts: protocol::Answered = compute(placement, &asked)?;
        let model = |(facts, origin): (&protocol::ModelFacts, Attribution)| AnsweringModel {
            file: facts.file.clone(),
            parameters: facts.parameters,
            origin,
        };
        Ok(Answered {
            data: TaskData::load(task, &data.data_root, split)?,
            predictions: read_predictions(task, output)?,
            models: facts.models.iter().zip(origins).map(model).collect(),
            facts,
        })
    }

    /// The sizes that options say, for files that tell none, and whether they overrule what the file tells: they do so for a
    /// single model; of several models each keeps its own sizes. The features' width is known once they are read.
    fn sizes(&self, files: &[PathBuf], loader: &TaskLoader) -> Result<(Option<Config>, bool)> {
        let overrule = self.model.any() && self.load.len() == 1;
        let tells = |file: &PathBuf| Ok(ModelDescription::read(file)?.is_some());
        let all_tell = files.iter().map(tells).collect::<Result<Vec<bool>>>()?.into_iter().all(|tells| tells);
        let sizes = (overrule || !all_tell).then(|| self.model.resolve(loader.vocab_size(), 1)).transpose()?;
        Ok((sizes, overrule))
    }
}
