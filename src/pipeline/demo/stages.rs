//! The work of each stage of the demo.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::settings::{DemoTraining, FEATURES, SCENES, STORES, starts_from};
use crate::demo::{self, DemoDetector, DemoManifest};
use crate::extract::extract_all;
use crate::pipeline::plan::StageContext;
use crate::pipeline::stages::{self, Evaluation, FineTuning, write_json};
use crate::pipeline::workers::{Watcher, Workers};
use base::error::Result;
use base::progress::{ProgressTask, Quiet, TaskStart, Unit};
use data::dataset::{Scale, Task};
use data::features::{Precision, build_store};
use judge::evidence::stages::train_stage;
use lxmert_spec::demo::DemoRecipe;
use lxmert_spec::weights_names::LAST_FILE;
use trainings::initial_weights::InitialWeights;
use trainings::task_loader::{StoreLocation, TaskDataSettings, store_name};

/// The data root in the folder of the scenes stage.
pub(super) const DATA: &str = "data";
/// The pictures in the folder of the scenes stage.
pub(super) const IMAGES: &str = "images";
/// The weights to evaluate: those of the last epoch, so that nothing is selected on the reported split.
pub(super) const WEIGHTS: &str = LAST_FILE;
/// File of the trained encoder alone, and its name without the suffix of encoder files.
pub(super) const ENCODER: &str = "ENCODER_LXRT.safetensors";
const ENCODER_NAME: &str = "ENCODER";
/// Losses and accuracies during training.
pub(super) const METRICS: &str = "metrics.jsonl";
/// The output of the baselines stage.
pub(super) const MEASURED: &str = "baselines.json";
/// Examples per batch when evaluating.
const EVAL_BATCH: usize = 256;

pub(super) fn scenes(context: &mut StageContext, watcher: Watcher) -> Result<()> {
    let recipe: DemoRecipe = context.parameters()?;
    let (data, images) = (context.output(DATA)?, context.output(IMAGES)?);
    let task = OnceLock::new();
    let manifest = demo::generate(&data, &images, &recipe, &|done, of| {
        let task =
            task.get_or_init(|| ProgressTask::begin(&*watcher, TaskStart::new("scenes", of as u64, Unit::Images)));
        task.at(done as u64, String::new);
    })?;
    drop(task);
    let pictures: usize = manifest.features.iter().map(|file| file.ids.len()).sum();
    let questions: usize = manifest.entries.iter().map(|(_, entries)| entries).sum();
    context.note(&format!("{pictures} pictures, {questions} questions and table entries"));
    Ok(())
}

pub(super) fn features(context: &mut StageContext, watcher: Watcher) -> Result<()> {
    let images = context.input(SCENES, IMAGES)?;
    for file in DemoManifest::read(&images)?.features {
        let pictures = file.images(&images);
        let what = file.tsv.display().to_string();
        let task = ProgressTask::begin(&*watcher, TaskStart::new(what, pictures.len() as u64, Unit::Images));
        let tsv = context.folder().join(&file.tsv);
        let summary = extract_all(&mut DemoDetector, &pictures, &tsv, &mut |done| task.at(done as u64, String::new))?;
        drop(task);
        context.note(&format!(
            "{}: {} images, {} boxes of {} features",
            file.tsv.display(),
            summary.images,
            summary.boxes,
            summary.dim
        ));
    }
    Ok(())
}

pub(super) fn stores(context: &mut StageContext, watcher: Watcher) -> Result<()> {
    let tsvs = context.input_folder(FEATURES)?;
    for file in DemoManifest::read(&context.input(SCENES, IMAGES)?)?.features {
        let store = context.output(&store_name(&file.tsv).display().to_string())?;
        build_store(&tsvs.join(&file.tsv), &store, Precision::F32, &Quiet(&*watcher))?;
    }
    Ok(())
}

pub(super) fn baselines(context: &mut StageContext) -> Result<()> {
    let measured = demo::baselines(&context.input(SCENES, DATA)?, &context.input_folder(FEATURES)?)?;
    write_json(&context.output(MEASURED)?, &measured)
}

pub(super) fn train(context: &mut StageContext, workers: &Workers) -> Result<()> {
    let DemoTraining { task, config, recipe, seed, threads, .. } = context.parameters()?;
    let (data, mut reads) = data(context, task)?;
    let start = match starts_from(task) {
        Some(other) => {
            let encoder = context.input(&train_stage(other), ENCODER)?;
            reads.push(encoder.clone());
            InitialWeights::Lxmert(encoder.display().to_string())
        }
        None => InitialWeights::Scratch,
    };
    let encoder = Some(ENCODER_NAME);
    let tuning = FineTuning { data, config, recipe, eval_batch_size: EVAL_BATCH, start, seed, encoder, threads, reads };
    stages::train(context, workers, tuning)
}

pub(super) fn evaluate(context: &mut StageContext, workers: &Workers) -> Result<()> {
    let DemoTraining { task, threads, .. } = context.parameters()?;
    let (data, mut reads) = data(context, task)?;
    let weights = context.input(&train_stage(task), WEIGHTS)?;
    reads.push(weights.clone());
    stages::evaluate(context, workers, Evaluation { data, weights, batch_size: EVAL_BATCH, threads, reads })
}

/// Returns the data settings of a task, and the files and folders that they read.
fn data(context: &StageContext, task: Task) -> Result<(TaskDataSettings, Vec<PathBuf>)> {
    let (data_root, folder) = (context.input(SCENES, DATA)?, context.input_folder(STORES)?);
    let reads = vec![data_root.clone(), folder.clone()];
    let settings = TaskDataSettings {
        task,
        vocab: data_root.join("vocab.txt"),
        data_root,
        stores: StoreLocation::Ready { folder },
        scale: Scale::Full,
        allow_missing_images: false,
        ablation: None,
    };
    Ok((settings, reads))
}
