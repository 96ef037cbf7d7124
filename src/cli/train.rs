//! `repro train`: fine-tunes a model on one task.

use std::path::PathBuf;

use serde_json::json;

use super::defaults::{self, by_task, paper_trainings};
use super::engine::EngineOptions;
use super::initial_weights::InitialWeightsOptions;
use super::interruption::with_resume_command;
use super::long_training::say_before_fine_tuning;
use super::named_inputs::{NamedInput, check_data, check_inputs, weights_input};
use super::number_parsers::{count, rate, seed};
use super::options::{ComputeOptions, DataOptions, ModelOptions, note_other_vocabulary};
use super::original_extras::OriginalExtras;
use super::output::print_line;
use super::run_worker::run_worker;
use super::snapshot_options::SnapshotOptions;
use super::value_parsers::optim;
use crate::placement::{FileAccess, Placement, RECORD};
use base::error::{Error, Result};
use base::exit;
use base::status;
use data::dataset::Task;
use lxmert_spec::ModelDescription;
use lxmert_spec::paper::{OPTIM, SEED, fine_tuning};
use protocol::{Finetune, Job};
use trainings::finetune::{self, FinetuneSettings};
use trainings::initial_weights::{self, InitialWeights};
use trainings::options::Optim;
use trainings::outcome::FinetuneOutcome;
use trainings::task_loader::TaskLoader;

/// Fine-tune LXMERT on VQA, GQA or NLVR2.
#[derive(Debug, clap::Args)]
// As in the original, the last occurrence of an option counts: its scripts are called with more options after their own.
#[command(after_help = after_help(), args_override_self = true)]
pub(crate) struct Args {
    /// vqa, gqa or nlvr2
    pub task: Task,
    #[arg(long, value_name = "SPLITS", help = by_task("Splits to train on, comma-separated", |paper| paper.train.to_owned()))]
    train: Option<String>,
    #[arg(long, value_name = "SPLITS", help = by_task("Splits to validate on after each epoch; \"\" for none", |paper| paper.valid.to_owned()))]
    valid: Option<String>,
    /// Folder for the results [default: <workspace>/snap/<task>]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    #[arg(long, alias = "batchSize", value_name = "N", value_parser = count::<usize>, allow_negative_numbers = true,
        help = by_task("Examples per step", |paper| paper.training.batch_size.to_string()))]
    batch_size: Option<usize>,
    #[arg(long, value_name = "N", value_parser = count::<usize>, allow_negative_numbers = true,
        help = by_task("Examples per batch in validation", |paper| paper.eval_batch_size.to_string()))]
    eval_batch_size: Option<usize>,
    /// Optimizer
    #[arg(long, value_parser = optim(), default_value = OPTIM.name())]
    pub optim: Optim,
    #[arg(long, value_name = "RATE", value_parser = rate, allow_negative_numbers = true,
        help = by_task("Peak learning rate", |paper| defaults::rate(paper.training.lr)))]
    lr: Option<f64>,
    #[arg(long, value_name = "N", value_parser = count::<u64>, allow_negative_numbers = true,
        help = by_task("Number of epochs", |paper| paper.training.epochs.to_string()))]
    epochs: Option<u64>,
    /// Random seed of data order, dropout and random weights
    #[arg(long, value_name = "N", default_value_t = SEED, value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// GQA: use cross entropy with the best answer, instead of binary cross entropy over all answers
    #[arg(long, alias = "mceLoss")]
    pub mce_loss: bool,
    /// Also write BEST.pth and LAST.pth
    #[arg(long)]
    pub pth: bool,
    /// Accept a checkpoint with missing encoder weights
    #[arg(long)]
    pub allow_missing: bool,
    #[command(flatten)]
    snapshots: SnapshotOptions,
    /// The original's option for testing, which has a command of its own here.
    #[arg(long, hide = true, value_name = "SPLITS")]
    test: Option<String>,
    #[command(flatten)]
    pretraining: PretrainingExtras,
    #[command(flatten)]
    extras: OriginalExtras,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    start: InitialWeightsOptions,
    #[command(flatten)]
    compute: ComputeOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

/// Options of the original's pre-training, which its other programs accept and ignore (src/param.py @ 0db1182).
#[derive(Debug, clap::Args)]
struct PretrainingExtras {
    #[arg(long = "taskMatched", hide = true)]
    task_matched: bool,
    #[arg(long = "taskMaskLM", hide = true)]
    task_mask_lm: bool,
    #[arg(long = "taskObjPredict", hide = true)]
    task_obj_predict: bool,
    #[arg(long = "taskQA", hide = true)]
    task_qa: bool,
    #[arg(long = "visualLosses", hide = true)]
    visual_losses: Option<String>,
    #[arg(long = "qaSets", hide = true)]
    qa_sets: Option<String>,
    #[arg(long = "wordMaskRate", hide = true)]
    word_mask_rate: Option<f64>,
    #[arg(long = "objMaskRate", hide = true)]
    obj_mask_rate: Option<f64>,
}

impl PretrainingExtras {
    fn given(&self) -> Vec<&'static str> {
        let all = [
            ("--taskMatched", self.task_matched),
            ("--taskMaskLM", self.task_mask_lm),
            ("--taskObjPredict", self.task_obj_predict),
            ("--taskQA", self.task_qa),
            ("--visualLosses", self.visual_losses.is_some()),
            ("--qaSets", self.qa_sets.is_some()),
            ("--wordMaskRate", self.word_mask_rate.is_some()),
            ("--objMaskRate", self.obj_mask_rate.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

fn after_help() -> String {
    format!(
        "The paper's trainings; omitted options default to the paper's values for the task:\n{}{AFTER_HELP}",
        paper_trainings()
    )
}

const AFTER_HELP: &str = "\
A quick trial on a few images:
  repro train vqa --tiny --model tiny --from-scratch --epochs 2
Resume after an interruption:
  repro train vqa ... --resume

Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 write a snapshot and stop; a second Ctrl-C stops at once.

The original's spellings work too: --batchSize, --loadLXMERT, --loadLXMERTQA, --fromScratch, --mceLoss, --tqdm ...

Writes BEST and LAST (.safetensors), log.log, metrics.jsonl, events for TensorBoard, and at the end outcome.json. Prints the
outcome as one JSON object. A resumed run produces the same bytes as an uninterrupted one, on the same machine with the same
number of threads.";

impl Args {
    fn output(&self) -> PathBuf {
        self.output.clone().unwrap_or_else(|| self.data.workspace.join("snap").join(self.task.name()))
    }

    fn train(&self) -> &str {
        self.train.as_deref().unwrap_or(fine_tuning(self.task).train)
    }

    fn valid(&self) -> &str {
        self.valid.as_deref().unwrap_or(fine_tuning(self.task).valid)
    }

    fn settings(&self, description: ModelDescription, start: &InitialWeights) -> FinetuneSettings {
        let (task, output, paper) = (self.task, self.output(), fine_tuning(self.task));
        let also = [
            ("start", start.described()),
            ("--train", json!(self.train())),
            ("--valid", json!(self.valid())),
            ("--tiny", json!(self.data.tiny)),
            ("--fast", json!(self.data.fast)),
            ("--ablate", json!(self.data.ablate)),
            ("--allow-missing", json!(self.allow_missing)),
        ];
        FinetuneSettings {
            epochs: self.epochs.unwrap_or(paper.training.epochs),
            batch_size: self.batch_size.unwrap_or(paper.training.batch_size),
            eval_batch_size: self.eval_batch_size.unwrap_or(paper.eval_batch_size),
            lr: self.lr.unwrap_or(paper.training.lr),
            optim: self.optim,
            seed: self.seed,
            // The original's other programs accept it and ignore it.
            mce_loss: self.mce_loss && task == Task::Gqa,
            pth: self.pth,
            description,
            vocabulary: None,
            also: also.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            loaded: None,
            snapshots: self.snapshots.settings(&output),
            output,
        }
    }

    /// Checks that the output folder holds no finished run, before data are read.
    fn refuse_finished(&self, start: &InitialWeights) -> Result<()> {
        // The sizes of the vocabulary, the features and the head are not options, so their values do not matter here.
        let description = ModelDescription { task: self.task, config: self.model.resolve(1, 1)?, answers: 0 };
        finetune::refuse_finished(&self.settings(description, start))
    }

    /// Prints notes about given options that have no effect.
    fn note_ignored_options(&self) {
        self.extras.print_note();
        let ignored = self.pretraining.given();
        if !ignored.is_empty() {
            status!("note: ignored here, as in the original: {} (options of pre-training)", ignored.join(", "));
        }
        if self.mce_loss && self.task != Task::Gqa {
            status!("note: ignored here, as in the original: --mce-loss (only GQA supports it)");
        }
    }

    /// Checks the named files before feature stores are built.
    fn check_inputs(&self, start: &InitialWeights) -> Result<()> {
        let data = self.data.resolve(self.task)?;
        if self.task == Task::Nlvr2 && matches!(start, InitialWeights::LxmertQa(_)) {
            return Err(initial_weights::no_answers_to_load());
        }
        check_inputs(weights_input(start).into_iter().chain([NamedInput::OutputFolder(&self.output())]))?;
        if matches!(start, InitialWeights::LxmertQa(_)) {
            check_inputs([NamedInput::Text(data.data_root.join("lxmert/all_ans.json"))])?;
        }
        check_data(&data, &[self.train(), self.valid()])
    }

    /// Returns the files that the worker reads, and the output folder.
    fn file_access(&self, placement: &Placement) -> Result<FileAccess> {
        let mut reads = self.start.files()?;
        for splits in [self.train(), self.valid()].map(str::trim).into_iter().filter(|s| !s.is_empty()) {
            reads.extend(self.data.prepare_paths(self.task, splits, placement)?);
        }
        Ok(FileAccess { reads, folder: Some(self.output()), file: None })
    }
}

/// Trains and prints the outcome.
pub(crate) fn run(args: Args) -> Result<u8> {
    let task = args.task;
    if let Some(splits) = &args.test {
        return Err(Error::usage("`repro train` only trains; --test is not supported")
            .next(format!("repro predict {task} --load NAME --split {splits}")));
    }
    let start = args.start.resolve()?;
    check_inputs([NamedInput::OutputFolder(&args.output())])?;
    args.refuse_finished(&start)?;
    let placement = args.engine.placement("train", &args.compute.device, &args.data.workspace)?;
    args.note_ignored_options();
    let data = args.data.resolve(task)?;
    let loader = TaskLoader::new(data.clone())?;
    note_other_vocabulary(loader.tokenizer())?;
    // The width of the features is set once they are read.
    let config = args.model.resolve(loader.vocab_size(), 1)?;
    let mut settings = args.settings(ModelDescription { task, config, answers: loader.classes() }, &start);
    settings.vocabulary = Some(loader.tokenizer().sha256().to_owned());
    if args.snapshots.resume
        && let Some(outcome) = finetune::finished_outcome(&settings)?
    {
        status!("note: this run is already finished");
        return print(&settings, &outcome);
    }
    if args.snapshots.resume && !settings.snapshots.folder.exists() {
        status!("note: no snapshot in {}: starting from the first step", settings.output.display());
    }
    args.check_inputs(&start)?;
    let compute = (args.compute.device.as_str(), args.compute.threads());
    say_before_fine_tuning(&settings, &data, args.train(), &placement, compute)?;
    let job = args.compute.worker_job(
        "train",
        Some(settings.output.join(RECORD)),
        args.file_access(&placement)?,
        Job::Finetune(Box::new(Finetune {
            data,
            train: args.train().to_owned(),
            valid: args.valid().to_owned(),
            start,
            allow_missing: args.allow_missing,
            settings: settings.clone(),
            encoder: None,
            stage: false,
        })),
    );
    let outcome = run_worker(&placement, &job).map_err(with_resume_command)?;
    print(&settings, &outcome)
}

fn print(settings: &FinetuneSettings, outcome: &FinetuneOutcome) -> Result<u8> {
    let percent = |score: f64| (score * 1e4).round() / 100.0;
    let ended = json!({
        "task": settings.description.task.name(),
        "train": percent(outcome.train),
        "best_valid": outcome.best.map(|(score, _)| percent(score)),
        "best_epoch": outcome.best.map(|(_, epoch)| epoch),
        "steps": outcome.steps,
        "output": settings.output,
    });
    print_line(ended.to_string())?;
    Ok(exit::PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches};
    use lxmert_spec::Config;
    use trainings::resume::StartMode;

    fn parsed(line: &str) -> Args {
        let command = Args::augment_args(clap::Command::new("train"));
        Args::from_arg_matches(&command.get_matches_from(line.split_whitespace())).unwrap()
    }

    fn settings(args: &Args, start: &InitialWeights) -> FinetuneSettings {
        let config = args.model.resolve(30522, 2048).unwrap();
        assert_eq!(config, Config::lxr955());
        args.settings(ModelDescription { task: args.task, config, answers: 2 }, start)
    }

    /// The commands of run/{vqa,gqa,nlvr2}_finetune.bash @ 0db1182, with one more option after them, as a caller would add.
    #[test]
    fn the_originals_scripts_mean_the_papers_runs() {
        let model = || "snap/pretrained/model".to_owned();
        for (task, splits, load, start, lr) in [
            (
                "vqa",
                "--train train,nominival --valid minival",
                "--loadLXMERTQA",
                InitialWeights::LxmertQa(model()),
                "5e-5",
            ),
            ("gqa", "--train train,valid --valid testdev", "--loadLXMERTQA", InitialWeights::LxmertQa(model()), "1e-5"),
            ("nlvr2", "--train train --valid valid", "--loadLXMERT", InitialWeights::Lxmert(model()), "5e-5"),
        ] {
            let args = parsed(&format!(
                "train {task} {splits} --llayers 9 --xlayers 5 --rlayers 5 {load} {} --batchSize 32 --optim bert --lr {lr} \
                 --epochs 4 --tqdm --output snap/x --epochs 4",
                model()
            ));
            assert_eq!(args.start.resolve().unwrap(), start);
            let of_script = settings(&args, &start);
            assert_eq!(of_script.snapshots.begin, StartMode::Fresh);
            assert_eq!(of_script.snapshots.folder, PathBuf::from("snap/x/snapshots"));
            let by_default = settings(&parsed(&format!("train {task} {load} {} --output snap/x", model())), &start);
            assert_eq!(json!(of_script), json!(by_default), "{task}: the script says what is the default");
        }
    }
}
