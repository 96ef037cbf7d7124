//! One or more models that answer a split together: what `predict` and `evaluate` share.

use std::path::{Path, PathBuf};

use super::choices::average;
use super::engine::EngineOptions;
use super::first_look::{Named, look, look_at_data};
use super::options::{ComputeOptions, DataOptions, ModelOptions, say_vocabulary};
use super::original_extras::OriginalExtras;
use super::values::count;
use base::error::{Error, Result};
use base::tell;
use data::dataset::{Prediction, Scale, Task};
use data::features::progress::Bar;
use judge::evidence::attribution::{self, Attribution};
use judge::evidence::result::Machine;
use lxmert::model::TaskModel;
use lxmert::train::machine::described;
use lxmert::train::predict::predict;
use lxmert::train::progress;
use lxmert::train::setup;
use lxmert::train::weights;
use lxmert_spec::Description;
use lxmert_spec::description::same_vocabulary;
use lxmert_spec::loading::locate;
use trainings::choices::Average;
use trainings::loader::Loader;
use trainings::questions::Questions;
use trainings::start::Start;

/// Models and how to run them.
#[derive(Debug, clap::Args)]
pub struct Answering {
    /// The fine-tuned model: a .safetensors or .pth file; the suffix may be left out. Several answer together
    #[arg(long, value_name = "NAME", num_args = 1.., action = clap::ArgAction::Append)]
    pub load: Vec<String>,
    /// What is averaged where several models answer
    #[arg(long, value_parser = average(), default_value = "probabilities")]
    pub average: Average,
    /// Examples a batch [default: 950 for VQA, 256 otherwise]
    #[arg(long, alias = "batchSize", value_name = "N", value_parser = count::<usize>, allow_negative_numbers = true)]
    pub batch_size: Option<usize>,
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
pub struct Answered {
    /// The split; all of its examples are in `questions.data`.
    pub questions: Questions,
    /// One prediction for each usable example.
    pub predictions: Vec<Prediction>,
    /// The models that answered.
    pub models: Vec<AnsweringModel>,
    /// SHA-256 of the vocabulary.
    pub vocabulary: String,
    /// Where.
    pub machine: Machine,
}

/// A model that answered.
pub struct AnsweringModel {
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
    pub fn files(&self) -> Result<Vec<PathBuf>> {
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
    pub fn look(&self, task: Task, split: &str) -> Result<()> {
        let config = self.model.config.iter().map(|path| Named::Text(path.clone()));
        look(self.load.iter().map(|name| Named::Checkpoint(name, "")).chain(config))?;
        for file in self.files()? {
            if let Some(description) = weights::describe(&file)? {
                let name = || format!("{} cannot answer {task} {split}", file.display());
                description.check_task(task).map_err(|error| error.while_doing(name()))?;
            }
        }
        look_at_data(&self.data.resolve(task)?, &[split])
    }

    /// Files and folders that answering a split needs, for a container.
    pub fn ready(&self, task: Task, split: &str) -> Result<Vec<PathBuf>> {
        let files = self.files()?;
        let mut reads = self.data.ready(task, split, &crate::placement::Placement::Host(crate::placement::Host))?;
        reads.extend(files);
        reads.extend(self.model.config.clone());
        Ok(reads)
    }

    /// Whether examples without features are left out, as the person asked.
    pub fn in_part(&self) -> bool {
        self.data.allow_missing_images || Scale::from_flags(self.data.tiny, self.data.fast) != Scale::Full
    }

    /// "3 models, mean of probabilities"; none for a single model.
    pub fn together(&self) -> Option<String> {
        let what = match self.average {
            Average::Probabilities => "probabilities",
            Average::Logits => "logits",
        };
        (self.load.len() > 1).then(|| format!("{} models, mean of {what}", self.load.len()))
    }

    /// Answers a split: the questions are read once, all models are loaded.
    ///
    /// # Errors
    /// Usage or data where a model does not belong to the task or its data, naming the file.
    pub fn answer(&self, task: Task, split: &str) -> Result<Answered> {
        self.extras.say();
        let files = self.files()?;
        let device = self.compute.apply()?;
        self.look(task, split)?;
        let loader = Loader::new(self.data.resolve(task)?)?;
        let vocabulary = loader.tokenizer();
        say_vocabulary(vocabulary)?;
        let origin = |file: &PathBuf| {
            let origin = attribution::of(file, task)?;
            // A .pth does not say it itself.
            if let Some(then) = &origin.vocabulary {
                same_vocabulary(&file.display().to_string(), then, vocabulary)?;
            }
            if let Some(note) = &origin.note {
                tell!("note: {note}");
            }
            Ok(origin)
        };
        let origins: Vec<Attribution> = files.iter().map(origin).collect::<Result<_>>()?;
        let questions = loader.questions(split, &Bar::new())?;
        let (mut models, mut counts) = (Vec::with_capacity(files.len()), Vec::with_capacity(files.len()));
        for file in &files {
            let name = || format!("{} cannot answer {task} {split}", file.display());
            let description = self.description(file, task, &loader, &questions)?;
            description
                .check_fits(task, loader.vocab_size(), questions.source.dim(), loader.classes())
                .map_err(|error| error.while_doing(name()))?;
            let start = Start::FineTuned(file.display().to_string());
            let (model, report) = setup::model(&description, &start, &loader, 0, self.allow_missing, device)?;
            if let Some(report) = report {
                tell!("weights: {report}");
            }
            counts.push(model.parameters().count() as u64);
            models.push(model);
        }
        let models: Vec<&TaskModel> = models.iter().collect();
        let size = self.batch_size.unwrap_or(if task == Task::Vqa { 950 } else { 256 });
        let bar = progress::bar("predict", questions.questions.len());
        let predictions = predict(&models, self.average, &questions, size, |n| bar.inc(n as u64))?;
        bar.finish_and_clear();
        let machine = Machine::here(tch::get_num_threads() as u64, &described(device));
        let model = |((file, parameters), origin)| AnsweringModel { file, parameters, origin };
        let models = files.into_iter().zip(counts).zip(origins).map(model).collect();
        Ok(Answered { questions, predictions, models, vocabulary: vocabulary.sha256().to_owned(), machine })
    }

    /// The sizes of a model: what its file says. Options say it for files that do not, and overrule a single model's file;
    /// of several models each keeps its own sizes.
    fn description(&self, file: &Path, task: Task, loader: &Loader, questions: &Questions) -> Result<Description> {
        let overruled = self.model.any() && self.load.len() == 1;
        match weights::describe(file)? {
            Some(description) if !overruled => Ok(description),
            _ => Ok(Description {
                task,
                config: self.model.resolve(loader.vocab_size(), questions.source.dim())?,
                answers: loader.classes(),
            }),
        }
    }
}
