//! `repro pretrain`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use tch::Device;

use super::engine::{EngineOptions, Touched, run_inside};
use super::options::{ComputeOptions, ModelOptions, described};
use crate::dataset::Scale;
use crate::dataset::answers::parse_qa_sets;
use crate::dataset::pretrain::data::Source as Collection;
use crate::dataset::pretrain::sampler::Rules;
use crate::error::{Error, Result};
use crate::exit;
use crate::features::Precision;
use crate::features::progress::Bar;
use crate::lxrt::Config;
use crate::lxrt::pretraining::Tasks;
use crate::train::pretrain::data::{DataSettings, Loader, Role, Sentences, feature_files};
use crate::train::pretrain::progress::Shown;
use crate::train::pretrain::run::run as pretrain;
use crate::train::pretrain::settings::{Begin, Settings};
use crate::train::pretrain::weights::{self, Description, Start};
use crate::train::setup::Stores;
use crate::train::snapshot::{Every, Identity};
use crate::versions;

/// The stores' folder, below the workspace.
const STORES: &str = "stores";

/// Pre-train LXMERT: masked words, matching, objects, attributes, features, questions.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Data to train on, comma-separated: mscoco_train, mscoco_nominival, mscoco_minival, vgnococo
    #[arg(long, value_name = "DATA", default_value = "mscoco_train,mscoco_nominival,vgnococo")]
    pub train: String,
    /// Data to validate on after each epoch; "" for none
    #[arg(long, value_name = "DATA", default_value = "mscoco_minival")]
    pub valid: String,
    /// Predict masked words
    #[arg(long, alias = "taskMaskLM", help_heading = "Tasks")]
    pub task_mask_lm: bool,
    /// Tell whether sentence and image belong together; half of the sentences are exchanged
    #[arg(long, alias = "taskMatched", help_heading = "Tasks")]
    pub task_matched: bool,
    /// Predict objects, attributes and features of boxes
    #[arg(long, alias = "taskObjPredict", help_heading = "Tasks")]
    pub task_obj_predict: bool,
    /// Answer the questions among the sentences
    #[arg(long, alias = "taskQA", help_heading = "Tasks")]
    pub task_qa: bool,
    /// What is predicted of boxes: any of obj, attr and feat, comma-separated
    #[arg(long, alias = "visualLosses", value_name = "LIST", default_value = "obj,attr,feat", help_heading = "Tasks")]
    pub visual_losses: String,
    /// Keep answers of these question sets only: any of vqa, gqa and visual7w, comma-separated [default: all answers]
    #[arg(long, alias = "qaSets", value_name = "LIST", help_heading = "Tasks")]
    pub qa_sets: Option<String>,
    /// Share of words to predict
    #[arg(long, alias = "wordMaskRate", value_name = "P", default_value_t = 0.15, help_heading = "Tasks")]
    pub word_mask_rate: f64,
    /// Share of boxes to predict
    #[arg(long, alias = "objMaskRate", value_name = "P", default_value_t = 0.15, help_heading = "Tasks")]
    pub obj_mask_rate: f64,
    /// Folder of the results [default: <workspace>/snap/pretrain]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Examples a step
    #[arg(long, alias = "batchSize", value_name = "N", default_value_t = 256)]
    pub batch_size: usize,
    /// Go through each batch in N parts, which takes less memory and gives the same step
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub accumulate: usize,
    /// Examples a batch when validating
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub eval_batch_size: usize,
    /// Peak learning rate
    #[arg(long, value_name = "RATE", default_value_t = 1e-4)]
    pub lr: f64,
    /// Passes over the training data
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub epochs: u64,
    /// Decides data order, masking, dropout and random weights
    #[arg(long, value_name = "N", default_value_t = 9595)]
    pub seed: u64,
    /// Also write weights as .pth
    #[arg(long)]
    pub pth: bool,
    /// Update rule: bert; the original ignores any other here
    #[arg(long, value_name = "NAME", default_value = "bert")]
    pub optim: String,
    /// Accepted as the original's; one device is used
    #[arg(long = "multiGPU", hide = true)]
    pub multi_gpu: bool,
    /// Accepted as the original's; batches are always built in the background
    #[arg(long = "numWorkers", value_name = "N", hide = true)]
    pub num_workers: Option<String>,
    /// Accepted as the original's; a terminal always gets a bar
    #[arg(long, hide = true)]
    pub tqdm: bool,
    #[command(flatten)]
    resume: ResumeOptions,
    #[command(flatten)]
    data: PretrainDataOptions,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    start: PretrainStartOptions,
    #[command(flatten)]
    compute: ComputeOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

/// Stopping and going on.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Resuming")]
struct ResumeOptions {
    /// How often to write a snapshot: steps such as 500, a time such as 20m, or never. Ctrl-C always writes one
    #[arg(long, value_name = "INTERVAL", default_value = "20m")]
    snapshot_every: Every,
    /// Go on from the newest snapshot, bit for bit as if there had been no break
    #[arg(long)]
    resume: bool,
    /// Remove the snapshots of an earlier run and begin anew
    #[arg(long, conflicts_with = "resume")]
    restart: bool,
}

/// Where things are.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
struct PretrainDataOptions {
    /// Folder that holds data/ and snap/
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    workspace: PathBuf,
    /// Data in the layout of the original's data/ folder [default: <workspace>/data]
    #[arg(long, value_name = "DIR")]
    data_root: Option<PathBuf>,
    /// WordPiece vocabulary (bert-base-uncased's vocab.txt) [default: <data root>/vocab.txt]
    #[arg(long, value_name = "FILE")]
    vocab: Option<PathBuf>,
    /// Use the first 500 images of each feature file only
    #[arg(long)]
    tiny: bool,
    /// Use the first 5000 images of each feature file only
    #[arg(long)]
    fast: bool,
    /// Leave out sentences about images without features, instead of stopping
    #[arg(long)]
    allow_missing_images: bool,
    /// Keep features as half precision in stores that have to be built (half the disk)
    #[arg(long)]
    half_features: bool,
}

/// First weights.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Weights")]
struct PretrainStartOptions {
    /// A whole pre-trained model: NAME stands for NAME_LXRT
    #[arg(long, value_name = "NAME", conflicts_with_all = ["load_lxmert", "bert"])]
    load: Option<String>,
    /// A pre-trained model but for its answer head: NAME stands for NAME_LXRT
    #[arg(long, alias = "loadLXMERT", value_name = "NAME", conflicts_with = "bert")]
    load_lxmert: Option<String>,
    /// What the original takes and ignores here
    #[arg(long, alias = "loadLXMERTQA", value_name = "NAME", hide = true)]
    load_lxmert_qa: Option<String>,
    /// BERT's pytorch_model.bin for the language side
    #[arg(long, value_name = "FILE", conflicts_with = "from_scratch")]
    bert: Option<PathBuf>,
    /// Random weights where nothing is loaded
    #[arg(long, alias = "fromScratch")]
    from_scratch: bool,
    /// Let weights be missing in the loaded checkpoint
    #[arg(long)]
    allow_missing: bool,
}

const PAPER: &str = "repro pretrain --task-mask-lm --task-obj-predict --task-matched --task-qa --from-scratch --batch-size 256 --lr 1e-4 --epochs 20";

const AFTER_HELP: &str = "\
The paper's settings:
  repro pretrain --task-mask-lm --task-obj-predict --task-matched --task-qa \\
    --from-scratch --batch-size 256 --lr 1e-4 --epochs 20
  ... --accumulate 8      the same steps in an eighth of the memory
A quick trial on a few images:
  repro pretrain --task-mask-lm --task-matched --tiny --model tiny --from-scratch --batch-size 32 --epochs 2
Stopped, by Ctrl-C or by a time limit:
  the same command with --resume

Writes EpochNN_LXRT and BEST_EVAL_LOSS_LXRT (.safetensors), log.log, metrics.jsonl and outcome.json; prints what the original
prints, with the right names of losses. A batch without a word or an answer to predict adds 0 to that loss.";

impl Args {
    fn output(&self) -> PathBuf {
        self.output.clone().unwrap_or_else(|| self.data.workspace.join("snap/pretrain"))
    }

    fn data_root(&self) -> PathBuf {
        self.data.data_root.clone().unwrap_or_else(|| self.data.workspace.join("data"))
    }

    fn vocab(&self) -> PathBuf {
        self.data.vocab.clone().unwrap_or_else(|| self.data_root().join("vocab.txt"))
    }

    fn stores(&self) -> Stores {
        let precision = if self.data.half_features { Precision::F16 } else { Precision::F32 };
        Stores::Build { folder: self.data.workspace.join(STORES), precision }
    }

    fn valid(&self) -> Option<&str> {
        Some(self.valid.as_str()).filter(|valid| !valid.trim().is_empty())
    }

    /// The losses that the flags choose.
    fn tasks(&self) -> Result<Tasks> {
        let visual: Vec<&str> = self.visual_losses.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if let Some(other) = visual.iter().find(|name| !["obj", "attr", "feat"].contains(name)) {
            return Err(Error::usage(format!("{other:?} is no visual loss")).next("choose from obj, attr and feat"));
        }
        let of_boxes = |name| self.task_obj_predict && visual.contains(&name);
        let tasks = Tasks {
            mask_lm: self.task_mask_lm,
            matched: self.task_matched,
            obj: of_boxes("obj"),
            attr: of_boxes("attr"),
            feat: of_boxes("feat"),
            qa: self.task_qa,
        };
        if tasks.names().is_empty() {
            return Err(Error::usage("no task is chosen, so there is nothing to learn").next(format!(
                "choose from --task-mask-lm, --task-matched, --task-obj-predict and --task-qa; the paper's command is: {PAPER}"
            )));
        }
        Ok(tasks)
    }

    fn start(&self) -> Result<Start> {
        match &self.start {
            PretrainStartOptions { load_lxmert_qa: Some(_), .. } => {
                Err(Error::usage("--load-lxmert-qa is for fine-tuning; the original's pre-training ignores it")
                    .next("use --load for a whole pre-trained model, or --load-lxmert to leave its answer head out"))
            }
            PretrainStartOptions { load: Some(name), .. } => Ok(Start::Whole(name.clone())),
            PretrainStartOptions { load_lxmert: Some(name), .. } => Ok(Start::WithoutAnswers(name.clone())),
            PretrainStartOptions { bert: Some(path), .. } => Ok(Start::Bert(path.clone())),
            PretrainStartOptions { from_scratch: true, .. } => Ok(Start::Scratch),
            _ => Err(Error::usage("it is not said where the first weights come from")
                .next("pass one of --from-scratch (the paper's), --bert, --load-lxmert or --load")),
        }
    }

    /// Notes about options that change nothing.
    fn say_what_is_not_used(&self) -> Result<()> {
        if self.optim != "bert" {
            return Err(Error::usage(format!("pre-training uses BertAdam, not {:?}", self.optim))
                .because("the original ignores --optim here")
                .next("leave --optim out"));
        }
        for (given, note) in [
            (self.multi_gpu, "--multiGPU: one device is used; --accumulate makes large batches fit"),
            (self.num_workers.is_some(), "--numWorkers: batches are always built in the background"),
            (self.tqdm, "--tqdm: a terminal always gets a bar"),
        ] {
            if given {
                eprintln!("{note}");
            }
        }
        Ok(())
    }

    /// Sizes: those that the loaded model says it has, else those of the options.
    fn config(&self, start: &Start, vocab: usize, width: usize) -> Result<Config> {
        let file = if self.model.any() { None } else { start.file()? };
        let Some(Description { mut config, .. }) = file.as_deref().map(weights::describe).transpose()?.flatten() else {
            return self.model.resolve(vocab, width);
        };
        if (config.vocab_size, config.visual_feat_dim) != (vocab, width) {
            return Err(Error::data(format!(
                "the model knows {} words and {} features a box, the data have {vocab} and {width}",
                config.vocab_size, config.visual_feat_dim
            ))
            .next("use the vocabulary and features that the model was trained with"));
        }
        if let Some(p) = self.model.dropout {
            (config.hidden_dropout_prob, config.attention_probs_dropout_prob) = (p, p);
        }
        config.check()?;
        Ok(config)
    }

    /// What the run is, to tell it from another.
    fn identity(&self, settings: &Settings, start: &Start, data: &[Option<&Sentences>], device: Device) -> Identity {
        let sizes = |sentences: &&Sentences| json!([sentences.usable(), sentences.data.examples().len()]);
        let description = &settings.description;
        let run = BTreeMap::from([
            ("--train", json!(self.train)),
            ("--valid", json!(self.valid)),
            ("tasks", json!(description.tasks.names())),
            ("--qa-sets", json!(description.qa_sets)),
            ("--word-mask-rate", json!(self.word_mask_rate)),
            ("--obj-mask-rate", json!(self.obj_mask_rate)),
            ("--batch-size", json!(settings.batch_size)),
            ("--accumulate", json!(settings.accumulate)),
            ("--eval-batch-size", json!(settings.eval_batch_size)),
            ("--lr", json!(settings.lr)),
            ("--epochs", json!(settings.epochs)),
            ("--seed", json!(settings.seed)),
            ("first weights", json!(format!("{start:?}"))),
            ("model", json!(description.config)),
            ("answers", json!(description.answers)),
            ("sentences", json!(data.iter().map(|one| one.as_ref().map(sizes)).collect::<Vec<_>>())),
            ("--half-features", json!(self.data.half_features)),
        ]);
        let machine = BTreeMap::from([
            ("--threads", json!(tch::get_num_threads())),
            ("--device", json!(described(device))),
            ("commit", json!(versions::commit())),
            ("versions", json!(versions::arithmetic())),
        ]);
        let owned =
            |map: BTreeMap<&str, Value>| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Identity { run: owned(run), machine: owned(machine) }
    }

    fn loader(&self) -> Result<Loader> {
        let (data_root, vocab) = (self.data_root(), self.vocab());
        if !data_root.is_dir() {
            return Err(Error::usage(format!("there is no data folder {}", data_root.display()))
                .next("name the folder that holds lxmert/ and the *_imgfeat/ folders with --data-root"));
        }
        if !vocab.is_file() {
            return Err(Error::usage(format!("there is no vocabulary {}", vocab.display()))
                .next("put the vocab.txt of bert-base-uncased there, or name it with --vocab"));
        }
        Loader::new(DataSettings {
            data_root,
            stores: self.stores(),
            vocab,
            scale: Scale::from_flags(self.data.tiny, self.data.fast),
            allow_missing_images: self.data.allow_missing_images,
            qa_sets: self.qa_sets.clone(),
            threads: usize::from(self.compute.threads.unwrap_or(super::cores() as u16)),
        })
    }

    /// Files and folders that the run reads, for a container; feature stores that are not there yet are built, since the
    /// container cannot.
    fn reads(&self, start: &Start) -> Result<Vec<PathBuf>> {
        let data_root = self.data_root();
        let scale = Scale::from_flags(self.data.tiny, self.data.fast);
        for (list, role) in [(Some(self.train.as_str()), Role::Train), (self.valid(), Role::Valid)] {
            let Some(list) = list else { continue };
            for file in feature_files(&data_root, &Collection::parse_list(list)?, role, scale) {
                self.stores().open(&data_root, &file, &Bar::new())?;
            }
        }
        let named = [self.model.config.clone(), start.file()?];
        let stores = self.data.workspace.join(STORES);
        Ok([data_root, self.vocab(), stores].into_iter().chain(named.into_iter().flatten()).collect())
    }
}

/// Pre-trains.
pub fn run(args: Args) -> Result<u8> {
    let (tasks, start) = (args.tasks()?, args.start()?);
    if let Some(place) = args.engine.place(&args.compute.device)? {
        let touched = Touched { reads: args.reads(&start)?, folder: Some(args.output()), file: None };
        return run_inside("pretrain", &place, &args.compute.device, &args.data.workspace, &touched);
    }
    args.say_what_is_not_used()?;
    let device = args.compute.apply()?;
    let loader = args.loader()?;
    let progress = Bar::new();
    let read = |list: &str, role| {
        let sentences = loader.sentences(list, role, &progress)?;
        say_what_was_read(list, &sentences);
        Ok::<_, Error>(sentences)
    };
    let train_data = read(&args.train, Role::Train)?;
    let valid_data = args.valid().map(|list| read(list, Role::Valid)).transpose()?;
    let rules = Rules {
        match_sentences: tasks.matched,
        word_mask_rate: args.word_mask_rate,
        box_mask_rate: args.obj_mask_rate,
        ..Rules::default()
    };
    let train = train_data.examples(rules)?;
    let valid = valid_data.as_ref().map(|data| data.examples(rules)).transpose()?;
    let description = Description {
        config: args.config(&start, loader.tokenizer.vocab_size(), train_data.source.dim())?,
        answers: loader.table.len(),
        qa_sets: args.qa_sets.as_deref().map(parse_qa_sets),
        tasks,
    };
    let (model, report) = weights::model(&description, &start, args.seed, args.start.allow_missing, device)?;
    match report {
        Some(report) => eprintln!("weights: {report}"),
        None => eprintln!("weights: random, seed {}", args.seed),
    }
    eprintln!("{} parameters, {} answers", model.parameters().count(), description.answers);
    let mut settings = Settings {
        epochs: args.epochs,
        batch_size: args.batch_size,
        accumulate: args.accumulate,
        eval_batch_size: args.eval_batch_size,
        lr: args.lr,
        seed: args.seed,
        output: args.output(),
        pth: args.pth,
        description,
        every: args.resume.snapshot_every,
        begin: match (args.resume.resume, args.resume.restart) {
            (true, _) => Begin::Resume,
            (_, true) => Begin::Restart,
            _ => Begin::New,
        },
        identity: Identity::default(),
    };
    settings.identity = args.identity(&settings, &start, &[Some(&train_data), valid_data.as_ref()], device);
    let mut shown = Shown::new(train.sampler.len(), valid.as_ref().map_or(0, |valid| valid.sampler.len()));
    let outcome = pretrain(&model, &loader.tokenizer, &train, valid.as_ref(), &settings, &mut shown)?;
    eprintln!("{} steps; results in {}", outcome.steps, settings.output.display());
    Ok(exit::PASS)
}

fn say_what_was_read(list: &str, sentences: &Sentences) {
    let all = sentences.data.examples().len();
    let dropped = match all - sentences.usable() {
        0 => String::new(),
        n => format!(", {n} left out for want of features"),
    };
    eprintln!(
        "{list}: {} sentences{dropped}; {} images with {} boxes of {} features",
        sentences.usable(),
        sentences.source.images(),
        sentences.source.boxes(),
        sentences.source.dim()
    );
}
