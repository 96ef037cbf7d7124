//! What each stage of the demo does.

use tch::Device;

use super::{FEATURES, SCENES, STORES, Training, starts_from, train_stage};
use crate::demo::{self, DemoDetector, Manifest};
use crate::extract::extract_all;
use crate::pipeline::plan::StageContext;
use crate::pipeline::stages::{self, FineTuning, write_json};
use base::error::Result;
use data::dataset::{Scale, Task};
use data::features::progress::Silent;
use data::features::{Precision, build_store};
use lxmert::train::progress;
use lxmert::train::weights;
use lxmert_spec::demo::Recipe;
use trainings::loader::{DataSettings, Loader, Stores, store_name};
use trainings::start::Start;

/// The data root within the scenes' folder.
pub(super) const DATA: &str = "data";
/// The pictures within the scenes' folder.
pub(super) const IMAGES: &str = "images";
/// The trained weights: those of the last epoch, so that nothing is chosen on the split that is reported.
pub(super) const WEIGHTS: &str = "LAST.safetensors";
/// The trained encoder alone.
pub(super) const ENCODER: &str = "ENCODER_LXRT.safetensors";
/// Losses and accuracies while training.
pub(super) const METRICS: &str = "metrics.jsonl";
/// Result of the baselines stage.
pub(super) const MEASURED: &str = "baselines.json";
/// Examples a batch when evaluating.
const EVAL_BATCH: usize = 256;

pub(super) fn scenes(context: &mut StageContext) -> Result<()> {
    let recipe: Recipe = context.parameters()?;
    let (data, images) = (context.output(DATA)?, context.output(IMAGES)?);
    let bar = progress::bar("scenes", 0);
    let manifest = demo::generate(&data, &images, &recipe, &|done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    let pictures: usize = manifest.features.iter().map(|file| file.ids.len()).sum();
    let questions: usize = manifest.entries.iter().map(|(_, entries)| entries).sum();
    context.note(&format!("{pictures} pictures, {questions} questions and table entries"));
    Ok(())
}

pub(super) fn features(context: &mut StageContext) -> Result<()> {
    let images = context.input(SCENES, IMAGES)?;
    for file in Manifest::read(&images)?.features {
        let pictures = file.images(&images);
        let bar = progress::bar(&file.tsv.display().to_string(), pictures.len());
        let tsv = context.folder().join(&file.tsv);
        let summary = extract_all(&mut DemoDetector, &pictures, &tsv, &mut |done| bar.set_position(done as u64))?;
        bar.finish_and_clear();
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

pub(super) fn stores(context: &mut StageContext) -> Result<()> {
    let tsvs = context.input_folder(FEATURES)?;
    for file in Manifest::read(&context.input(SCENES, IMAGES)?)?.features {
        let store = context.output(&store_name(&file.tsv).display().to_string())?;
        build_store(&tsvs.join(&file.tsv), &store, Precision::F32, &Silent)?;
    }
    Ok(())
}

pub(super) fn baselines(context: &mut StageContext) -> Result<()> {
    let measured = demo::baselines(&context.input(SCENES, DATA)?, &context.input_folder(FEATURES)?)?;
    write_json(&context.output(MEASURED)?, &measured)
}

pub(super) fn train(context: &mut StageContext) -> Result<()> {
    let Training { task, config, recipe, seed, threads, .. } = context.parameters()?;
    let start = match starts_from(task) {
        Some(other) => Start::Lxmert(context.input(&train_stage(other), ENCODER)?.display().to_string()),
        None => Start::Scratch,
    };
    let loader = loader(context, task, threads)?;
    let tuning = FineTuning { task, config, recipe, eval_batch_size: EVAL_BATCH, start, seed, device: Device::Cpu };
    let model = stages::train(context, &loader, &tuning)?;
    weights::save_encoder(&model, context.folder(), "ENCODER", Some(loader.tokenizer().sha256()))
}

pub(super) fn evaluate(context: &mut StageContext) -> Result<()> {
    let Training { task, threads, .. } = context.parameters()?;
    let loader = loader(context, task, threads)?;
    let weights = context.input(&train_stage(task), WEIGHTS)?;
    stages::evaluate(context, &loader, task, &weights, EVAL_BATCH, Device::Cpu)
}

fn loader(context: &StageContext, task: Task, threads: usize) -> Result<Loader> {
    tch::set_num_threads(threads as i32);
    let data_root = context.input(SCENES, DATA)?;
    Loader::new(DataSettings {
        task,
        vocab: data_root.join("vocab.txt"),
        data_root,
        stores: Stores::Ready { folder: context.input_folder(STORES)? },
        scale: Scale::Full,
        allow_missing_images: false,
        ablation: None,
    })
}
