//! The arguments of `repro pretrain`, and the call of the worker.

use std::path::PathBuf;

use serde_json::json;

use super::super::engine::EngineOptions;
use super::super::interruption::with_resume_command;
use super::super::named_inputs::{NamedInput, check_inputs};
use super::super::number_parsers::{count, rate, seed, share};
use super::super::options::{ComputeOptions, ModelOptions, note_other_vocabulary};
use super::super::original_extras::OriginalExtras;
use super::super::run_worker::run_worker;
use super::super::snapshot_options::SnapshotOptions;
use super::options::{PretrainDataOptions, PretrainInitialWeightsOptions};
use crate::placement::{FileAccess, Placement, RECORD};
use base::error::{Error, Result};
use base::{exit, status};
use data::dataset::answers::parse_qa_sets;
use lxmert_spec::Config;
use lxmert_spec::paper::{OPTIM, PRETRAINING, SEED};
use lxmert_spec::pretrain_tasks::PretrainTasks;
use lxmert_spec::weights_names::PRETRAINED_SUFFIX;
use protocol::{Job, Pretrain};
use trainings::pretrain::data::{PretrainLoader, PretrainRole};
use trainings::pretrain::description::PretrainedDescription;
use trainings::pretrain::initial_weights::PretrainInitialWeights;
use trainings::pretrain::settings::{PretrainOutcome, PretrainSettings};
use trainings::pretrain::{finished_outcome, refuse_finished};

/// Pre-train LXMERT: masked words, matching, objects, attributes, features, questions.
#[derive(Debug, clap::Args)]
// As in the original, the last occurrence of an option counts: its scripts are called with more options after their own.
#[command(after_help = after_help(), args_override_self = true)]
pub(crate) struct Args {
    /// Data to train on, comma-separated: mscoco_train, mscoco_nominival, mscoco_minival, vgnococo
    #[arg(long, value_name = "DATA", default_value = PRETRAINING.train)]
    pub train: String,
    /// Data to validate on after each epoch; "" for none
    #[arg(long, value_name = "DATA", default_value = PRETRAINING.valid)]
    pub valid: String,
    /// Predict masked words
    #[arg(long, alias = "taskMaskLM", help_heading = "Pre-training tasks")]
    pub task_mask_lm: bool,
    /// Predict whether sentence and image match; half of the sentences are exchanged
    #[arg(long, alias = "taskMatched", help_heading = "Pre-training tasks")]
    pub task_matched: bool,
    /// Predict objects, attributes and features of boxes
    #[arg(long, alias = "taskObjPredict", help_heading = "Pre-training tasks")]
    pub task_obj_predict: bool,
    /// Predict the answers of questions among the sentences
    #[arg(long, alias = "taskQA", help_heading = "Pre-training tasks")]
    pub task_qa: bool,
    /// What to predict for boxes: any of obj, attr and feat, comma-separated
    #[arg(long, alias = "visualLosses", value_name = "LIST", default_value = PRETRAINING.visual_losses, help_heading = "Pre-training tasks")]
    pub visual_losses: String,
    /// Keep only answers of these question sets: any of vqa, gqa and visual7w, comma-separated [default: all answers]
    #[arg(long, alias = "qaSets", value_name = "LIST", help_heading = "Pre-training tasks")]
    pub qa_sets: Option<String>,
    /// Fraction of words to predict
    #[arg(long, alias = "wordMaskRate", value_name = "P", default_value_t = PRETRAINING.word_mask_rate, value_parser = share, allow_negative_numbers = true, help_heading = "Pre-training tasks")]
    pub word_mask_rate: f64,
    /// Fraction of boxes to predict
    #[arg(long, alias = "objMaskRate", value_name = "P", default_value_t = PRETRAINING.box_mask_rate, value_parser = share, allow_negative_numbers = true, help_heading = "Pre-training tasks")]
    pub obj_mask_rate: f64,
    /// Folder for the results [default: <workspace>/snap/pretrain]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Examples per step
    #[arg(long, alias = "batchSize", value_name = "N", default_value_t = PRETRAINING.training.batch_size, value_parser = count::<usize>, allow_negative_numbers = true)]
    pub batch_size: usize,
    /// Split each batch into N parts, which takes less memory and gives the same step
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = count::<usize>, allow_negative_numbers = true)]
    pub accumulate: usize,
    /// Examples per batch in validation
    #[arg(long, value_name = "N", default_value_t = PRETRAINING.eval_batch_size, value_parser = count::<usize>, allow_negative_numbers = true)]
    pub eval_batch_size: usize,
    /// Peak learning rate
    #[arg(long, value_name = "RATE", default_value_t = PRETRAINING.training.lr, value_parser = rate, allow_negative_numbers = true)]
    pub lr: f64,
    /// Number of epochs
    #[arg(long, value_name = "N", default_value_t = PRETRAINING.training.epochs, value_parser = count::<u64>, allow_negative_numbers = true)]
    pub epochs: u64,
    /// Random seed of data order, masking, dropout and random weights
    #[arg(long, value_name = "N", default_value_t = SEED, value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// Also write weights as .pth
    #[arg(long)]
    pub pth: bool,
    /// Optimizer: bert; the original ignores this option here
    #[arg(long, value_name = "NAME", default_value = OPTIM.name())]
    pub optim: String,
    #[command(flatten)]
    snapshots: SnapshotOptions,
    #[command(flatten)]
    extras: OriginalExtras,
    #[command(flatten)]
    data: PretrainDataOptions,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    weights: PretrainInitialWeightsOptions,
    #[command(flatten)]
    compute: ComputeOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

/// The command of the paper's pre-training; its other options default to the paper's values.
const PAPER: &str = "repro pretrain --task-mask-lm --task-obj-predict --task-matched --task-qa --from-scratch";

fn after_help() -> String {
    format!(
        "The paper's pre-training; omitted options default to the paper's values:\n  {PAPER}\n  \
         ... --accumulate 8      the same steps in an eighth of the memory\n{AFTER_HELP}"
    )
}

const AFTER_HELP: &str = "\
A quick trial on a few images:
  repro pretrain --task-mask-lm --task-matched --tiny --model tiny --from-scratch --batch-size 32 --epochs 2
Resume after an interruption:
  repro pretrain ... --resume

Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 write a snapshot and stop; a second Ctrl-C stops at once.

The original's spellings work too: --taskMaskLM, --batchSize, --fromScratch, --loadLXMERT, --visualLosses, --qaSets ...

Writes EpochNN_LXRT and BEST_EVAL_LOSS_LXRT (.safetensors), log.log, metrics.jsonl, events for TensorBoard, and at the end
outcome.json. Prints what the original prints, with the correct names of losses. A batch with no word or no answer to predict
adds 0 to that loss.";

impl Args {
    fn output(&self) -> PathBuf {
        self.output.clone().unwrap_or_else(|| self.data.workspace.join("snap/pretrain"))
    }

    fn valid(&self) -> Option<&str> {
        Some(self.valid.as_str()).filter(|valid| !valid.trim().is_empty())
    }

    /// Returns the pre-training tasks that the flags choose.
    fn tasks(&self) -> Result<PretrainTasks> {
        let visual: Vec<&str> = self.visual_losses.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if let Some(other) = visual.iter().find(|name| !["obj", "attr", "feat"].contains(name)) {
            return Err(
                Error::usage(format!("--visual-losses: unknown loss {other:?}")).next("choose from obj, attr and feat")
            );
        }
        let of_boxes = |name| self.task_obj_predict && visual.contains(&name);
        let tasks = PretrainTasks {
            mask_lm: self.task_mask_lm,
            matched: self.task_matched,
            obj: of_boxes("obj"),
            attr: of_boxes("attr"),
            feat: of_boxes("feat"),
            qa: self.task_qa,
        };
        if tasks.names().is_empty() {
            return Err(Error::usage("no pre-training task is chosen").next(format!(
                "choose from --task-mask-lm, --task-matched, --task-obj-predict and --task-qa; the paper's command is: {PAPER}"
            )));
        }
        Ok(tasks)
    }

    /// Refuses another optimizer, and prints a note about other options that have no effect.
    fn check_ignored_options(&self) -> Result<()> {
        if self.optim != OPTIM.name() {
            return Err(Error::usage(format!("--optim {:?}: pre-training always uses BertAdam", self.optim))
                .because("the original ignores --optim here")
                .next("omit --optim"));
        }
        self.extras.print_note();
        Ok(())
    }

    /// Checks that the output folder holds no finished run, before data are read.
    fn refuse_finished(&self, tasks: PretrainTasks, start: &PretrainInitialWeights) -> Result<()> {
        // The sizes of the vocabulary, the features and the head are not options, so their values do not matter here.
        let config = self.config(start, None)?;
        let qa_sets = self.qa_sets.as_deref().map(parse_qa_sets);
        refuse_finished(&self.settings(PretrainedDescription { config, answers: 0, qa_sets, tasks }, start))
    }

    /// Returns the sizes that the loaded model states, or those of the options if there are any or the model states none. The width
    /// of the features is set once they are read.
    fn config(&self, start: &PretrainInitialWeights, vocab: Option<usize>) -> Result<Config> {
        let file = if self.model.any() { None } else { start.checkpoint()? };
        let Some(PretrainedDescription { mut config, .. }) =
            file.as_deref().map(trainings::pretrain::description::describe).transpose()?.flatten()
        else {
            return self.model.resolve(vocab.unwrap_or(1), 1);
        };
        if let Some(vocab) = vocab.filter(|vocab| config.vocab_size != *vocab) {
            return Err(Error::data(format!("the model has {} words, the vocabulary {vocab}", config.vocab_size))
                .next("pass --vocab with the vocabulary that the model was trained with"));
        }
        if let Some(p) = self.model.dropout {
            (config.hidden_dropout_prob, config.attention_probs_dropout_prob) = (p, p);
        }
        config.check()?;
        Ok(config)
    }

    fn settings(&self, description: PretrainedDescription, start: &PretrainInitialWeights) -> PretrainSettings {
        let output = self.output();
        let also = [
            ("start", start.described()),
            ("--train", json!(self.train)),
            ("--valid", json!(self.valid)),
            ("--word-mask-rate", json!(self.word_mask_rate)),
            ("--obj-mask-rate", json!(self.obj_mask_rate)),
            ("--tiny", json!(self.data.tiny)),
            ("--fast", json!(self.data.fast)),
            ("--allow-missing", json!(self.weights.allow_missing)),
        ];
        PretrainSettings {
            epochs: self.epochs,
            batch_size: self.batch_size,
            accumulate: self.accumulate,
            eval_batch_size: self.eval_batch_size,
            lr: self.lr,
            seed: self.seed,
            pth: self.pth,
            description,
            vocabulary: None,
            also: also.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            snapshots: self.snapshots.settings(&output),
            output,
        }
    }

    /// Returns the lists of collections, each with its use.
    fn lists(&self) -> Vec<(&str, PretrainRole)> {
        let lists = [(Some(self.train.as_str()), PretrainRole::Train), (self.valid(), PretrainRole::Valid)];
        lists.into_iter().filter_map(|(list, role)| Some((list?, role))).collect()
    }

    /// Checks the named files before feature stores are built.
    fn check_inputs(&self, start: &PretrainInitialWeights) -> Result<()> {
        let weights = match start {
            PretrainInitialWeights::Scratch => None,
            PretrainInitialWeights::Whole(name) | PretrainInitialWeights::WithoutAnswers(name) => {
                Some(NamedInput::Checkpoint(name, PRETRAINED_SUFFIX))
            }
            PretrainInitialWeights::Bert(path) => Some(NamedInput::Bert(path)),
        };
        check_inputs(weights.into_iter().chain([NamedInput::OutputFolder(&self.output())]))?;
        self.data.check_inputs(&self.lists())
    }

    /// Returns the files that the worker reads, and the output folder.
    fn file_access(&self, placement: &Placement) -> Result<FileAccess> {
        let mut reads = self.data.prepare_paths(&self.lists(), placement)?;
        reads.extend(self.weights.files()?);
        Ok(FileAccess { reads, folder: Some(self.output()), file: None })
    }
}

/// Pre-trains in a worker.
pub(crate) fn run(args: Args) -> Result<u8> {
    let (tasks, start) = (args.tasks()?, args.weights.resolve()?);
    args.check_ignored_options()?;
    check_inputs([NamedInput::OutputFolder(&args.output())])?;
    args.refuse_finished(tasks, &start)?;
    let placement = args.engine.placement("pretrain", &args.compute.device, &args.data.workspace)?;
    let data = args.data.resolve(args.qa_sets.as_deref(), args.compute.threads())?;
    let loader = PretrainLoader::new(data.clone())?;
    note_other_vocabulary(&loader.tokenizer)?;
    let description = PretrainedDescription {
        config: args.config(&start, Some(loader.tokenizer.vocab_size()))?,
        answers: loader.table.len(),
        qa_sets: args.qa_sets.as_deref().map(parse_qa_sets),
        tasks,
    };
    let mut settings = args.settings(description, &start);
    settings.vocabulary = Some(loader.tokenizer.sha256().to_owned());
    if args.snapshots.resume && finished_outcome(&settings)?.is_some() {
        status!("note: this run is already finished; results in {}", settings.output.display());
        return Ok(exit::PASS);
    }
    args.check_inputs(&start)?;
    let job = args.compute.worker_job(
        "pretrain",
        Some(settings.output.join(RECORD)),
        args.file_access(&placement)?,
        Job::Pretrain(Box::new(Pretrain {
            data,
            train: args.train.clone(),
            valid: args.valid().map(str::to_owned),
            word_mask_rate: args.word_mask_rate,
            box_mask_rate: args.obj_mask_rate,
            start,
            allow_missing: args.weights.allow_missing,
            settings: settings.clone(),
        })),
    );
    let outcome: PretrainOutcome = run_worker(&placement, &job).map_err(with_resume_command)?;
    status!("{} steps; results in {}", outcome.steps, settings.output.display());
    Ok(exit::PASS)
}
