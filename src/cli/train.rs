//! `repro train`.

use std::path::PathBuf;

use serde_json::json;

use super::engine::{EngineOptions, Touched, run_inside};
use super::options::{ComputeOptions, DataOptions, ModelOptions, StartOptions};
use crate::dataset::{self, Task};
use crate::error::Result;
use crate::exit;
use crate::features::progress::Bar;
use crate::train::finetune::{self, Settings};
use crate::train::optimiser::Optim;
use crate::train::progress::Training;
use crate::train::setup::{self, Loader};
use crate::train::weights::Description;

/// Fine-tune LXMERT on VQA, GQA or NLVR2.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// vqa, gqa or nlvr2
    pub task: Task,
    /// Splits to train on, comma-separated
    #[arg(long, value_name = "SPLITS", default_value = "train")]
    pub train: String,
    /// Splits to validate on after each epoch; "" for none
    #[arg(long, value_name = "SPLITS", default_value = "valid")]
    pub valid: String,
    /// Folder of the results [default: <workspace>/snap/<task>]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Examples a step
    #[arg(long, alias = "batchSize", value_name = "N", default_value_t = 32)]
    pub batch_size: usize,
    /// Examples a batch when validating [default: 1024 for VQA, 512 otherwise]
    #[arg(long, value_name = "N")]
    pub eval_batch_size: Option<usize>,
    /// Update rule
    #[arg(long, value_enum, default_value = "bert")]
    pub optim: Optim,
    /// Peak learning rate [default: 5e-5, for GQA 1e-5]
    #[arg(long, value_name = "RATE")]
    pub lr: Option<f64>,
    /// Passes over the training data
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub epochs: u64,
    /// Decides data order, dropout and random weights
    #[arg(long, value_name = "N", default_value_t = 9595)]
    pub seed: u64,
    /// GQA: cross entropy with the best answer
    #[arg(long, alias = "mceLoss")]
    pub mce_loss: bool,
    /// Also write BEST.pth and LAST.pth
    #[arg(long)]
    pub pth: bool,
    /// Let encoder weights be missing in the loaded checkpoint
    #[arg(long)]
    pub allow_missing: bool,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    start: StartOptions,
    #[command(flatten)]
    compute: ComputeOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

const AFTER_HELP: &str = "\
The paper's settings:
  repro train vqa   --train train,nominival --valid minival --load-lxmert-qa model --lr 5e-5 --epochs 4
  repro train gqa   --train train,valid     --valid testdev --load-lxmert-qa model --lr 1e-5 --epochs 4
  repro train nlvr2 --train train           --valid valid   --load-lxmert    model --lr 5e-5 --epochs 4
A quick trial on a few images:
  repro train vqa --tiny --model tiny --from-scratch --valid minival --epochs 2

Writes BEST and LAST (.safetensors), log.log and metrics.jsonl; prints the outcome as one JSON object.";

impl Args {
    fn output(&self) -> PathBuf {
        self.output.clone().unwrap_or_else(|| self.data.workspace.join("snap").join(self.task.name()))
    }
}

/// Trains and prints the outcome.
pub fn run(args: Args) -> Result<u8> {
    if let Some(place) = args.engine.place(&args.compute.device)? {
        let splits = [args.train.as_str(), &args.valid].map(str::trim);
        let mut reads: Vec<PathBuf> = args.model.config.iter().cloned().chain(args.start.file()?).collect();
        for splits in splits.into_iter().filter(|splits| !splits.is_empty()) {
            reads.extend(args.data.ready(args.task, splits)?);
        }
        let touched = Touched { reads, folder: Some(args.output()), file: None };
        return run_inside("train", &place, &args.compute.device, &args.data.workspace, &touched);
    }
    let device = args.compute.apply()?;
    let start = args.start.resolve()?;
    let task = args.task;
    let loader = Loader::new(args.data.resolve(task)?)?;
    let progress = Bar::new();
    let train = loader.questions(&args.train, &progress)?;
    say_what_was_read(&train);
    let wanted = !dataset::split_names(&args.valid)?.is_empty();
    let valid = if wanted { Some(loader.questions(&args.valid, &progress)?) } else { None };
    match &valid {
        None => eprintln!("DO NOT USE VALIDATION"),
        Some(valid) => {
            say_what_was_read(valid);
            if let Some(labels) = loader.labels() {
                let kept: Vec<usize> = valid.questions.iter().map(|q| q.index).collect();
                let oracle = dataset::oracle(&valid.data, &kept, labels.answers())?;
                eprintln!("Valid Oracle: {:.2}", oracle * 100.0);
            }
        }
    }
    let description = Description {
        task,
        config: args.model.resolve(loader.vocab_size(), train.source.dim())?,
        answers: loader.classes(),
    };
    let (model, report) = setup::model(&description, &start, &loader, args.seed, args.allow_missing, device)?;
    match report {
        Some(report) => eprintln!("weights: {report}"),
        None => eprintln!("weights: random, seed {}", args.seed),
    }
    let settings = Settings {
        epochs: args.epochs,
        batch_size: args.batch_size,
        eval_batch_size: args.eval_batch_size.unwrap_or(if task == Task::Vqa { 1024 } else { 512 }),
        lr: args.lr.unwrap_or(if task == Task::Gqa { 1e-5 } else { 5e-5 }),
        optim: args.optim,
        seed: args.seed,
        mce_loss: args.mce_loss,
        output: args.output(),
        pth: args.pth,
        description,
        also: Default::default(),
        snapshots: finetune::SnapshotSettings::below(
            &args.output(),
            crate::train::snapshot::Every::Never,
            finetune::Begin::Fresh,
        ),
    };
    let steps = train.questions.len() / settings.batch_size.max(1) * settings.epochs as usize;
    eprintln!("{} parameters, {steps} steps", model.parameters().count());
    let mut observer = Training::new(train.questions.len(), valid.as_ref().map_or(0, |valid| valid.questions.len()));
    let outcome = finetune::run(&model, &train, valid.as_ref(), &settings, &mut observer)?;
    let percent = |score: f64| (score * 1e4).round() / 100.0;
    println!(
        "{}",
        json!({
            "task": task.name(),
            "train": percent(outcome.train),
            "best_valid": outcome.best.map(|(score, _)| percent(score)),
            "best_epoch": outcome.best.map(|(_, epoch)| epoch),
            "steps": outcome.steps,
            "output": settings.output,
        })
    );
    Ok(exit::PASS)
}

fn say_what_was_read(questions: &crate::train::questions::Questions) {
    let dropped = match questions.dropped() {
        0 => String::new(),
        n => format!(", {n} left out for want of features"),
    };
    eprintln!(
        "{} {}: {} examples{dropped}; {} images with {} boxes of {} features",
        questions.data.task,
        questions.data.splits.join(","),
        questions.questions.len(),
        questions.source.images(),
        questions.source.boxes(),
        questions.source.dim()
    );
}
