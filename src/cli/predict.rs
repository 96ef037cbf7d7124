//! `repro predict`.

use std::path::PathBuf;

use super::engine::{EngineOptions, Touched, run_inside};
use super::options::{ComputeOptions, DataOptions, ModelOptions};
use super::original_extras::OriginalExtras;
use crate::dataset::python::float_repr;
use crate::dataset::{self, Prediction, Task};
use crate::error::Result;
use crate::exit;
use crate::features::progress::Bar;
use crate::train::predict::Average;
use crate::train::progress;
use crate::train::questions::Questions;
use crate::train::setup::{self, Loader, Start};
use crate::train::weights::{self, Description};

/// Write a submission file.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// vqa, gqa or nlvr2
    pub task: Task,
    /// The split to answer, such as test, minival, testdev, submit
    #[arg(long, value_name = "SPLIT")]
    pub split: String,
    /// The file to write [default: <workspace>/snap/<task>/<split>_predict.json, .csv for NLVR2]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub answering: Answering,
}

const AFTER_HELP: &str = "\
Examples:
  repro predict vqa --load workspace/snap/vqa/BEST --split test
  repro predict gqa --load snap/gqa/BEST.pth --model lxr955 --split submit

Prints the file written and, where the split has labels, the score.";

/// A model and how to run it; shared with `repro evaluate`.
#[derive(Debug, clap::Args)]
pub struct Answering {
    /// The fine-tuned model: a .safetensors or .pth file; the suffix may be left out
    #[arg(long, value_name = "NAME")]
    pub load: Option<String>,
    /// Examples a batch [default: 950 for VQA, 256 otherwise]
    #[arg(long, alias = "batchSize", value_name = "N")]
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

impl Answering {
    /// Files and folders that answering a split needs, for a container.
    pub fn ready(&self, task: Task, split: &str, load: &str) -> Result<Vec<PathBuf>> {
        let mut reads = self.data.ready(task, split)?;
        reads.push(crate::checkpoint::locate(load, "")?);
        reads.extend(self.model.config.clone());
        Ok(reads)
    }

    /// Answers a split with the model named `load`.
    pub fn answer(&self, task: Task, split: &str, load: &str) -> Result<(Questions, Vec<Prediction>)> {
        self.extras.say();
        let device = self.compute.apply()?;
        let loader = Loader::new(self.data.resolve(task)?)?;
        let questions = loader.questions(split, &Bar::new())?;
        let described = weights::describe(&crate::checkpoint::locate(load, "")?)?;
        let description = match described {
            Some(description) if !self.model.any() => description,
            _ => Description {
                task,
                config: self.model.resolve(loader.vocab_size(), questions.source.dim())?,
                answers: loader.classes(),
            },
        };
        description.check_fits(task, loader.vocab_size(), questions.source.dim(), loader.classes())?;
        let start = Start::FineTuned(load.to_owned());
        let (model, report) = setup::model(&description, &start, &loader, 0, self.allow_missing, device)?;
        if let Some(report) = report {
            eprintln!("weights: {report}");
        }
        let size = self.batch_size.unwrap_or(if task == Task::Vqa { 950 } else { 256 });
        let bar = progress::bar("predict", questions.questions.len());
        let predictions = crate::train::predict::predict(&[&model], Average::default(), &questions, size, |n| {
            bar.inc(n as u64);
        })?;
        bar.finish_and_clear();
        Ok((questions, predictions))
    }
}

/// Answers and writes.
pub fn run(args: Args) -> Result<u8> {
    let task = args.task;
    let load = args.answering.load.clone().ok_or_else(|| {
        crate::error::Error::usage("no model is named")
            .next("pass --load with a fine-tuned model, such as workspace/snap/vqa/BEST")
    })?;
    let suffix = if task == Task::Nlvr2 { "csv" } else { "json" };
    let name = format!("{}_predict.{suffix}", args.split.replace(',', "_"));
    let (workspace, device) = (&args.answering.data.workspace, &args.answering.compute.device);
    let output = args.output.clone().unwrap_or_else(|| workspace.join("snap").join(task.name()).join(name));
    if let Some(place) = args.answering.engine.place(device)? {
        let reads = args.answering.ready(task, &args.split, &load)?;
        let touched = Touched { reads, folder: None, file: Some(output) };
        return run_inside("predict", &place, device, workspace, &touched);
    }
    let (questions, predictions) = args.answering.answer(task, &args.split, &load)?;
    dataset::write_predictions(task, &output, &predictions)?;
    println!("{}", output.display());
    if questions.data.is_labelled() {
        println!("{}", float_repr(dataset::score(&questions.data, &predictions)?));
    }
    Ok(exit::PASS)
}
