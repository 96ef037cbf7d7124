//! What each stage of the demo does.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::Device;

use super::{FEATURES, SCENES, STORES, Training, splits, starts_from, train_stage};
use crate::dataset::{self, Scale, Task, nlvr2_official};
use crate::demo::{self, DemoDetector, Manifest, Recipe};
use crate::error::{Error, Result};
use crate::extract::extract_all;
use crate::features::progress::Silent;
use crate::features::{Precision, build_store};
use crate::files;
use crate::pipeline::plan::StageContext;
use crate::train::finetune::{self, Settings};
use crate::train::optimiser::Optim;
use crate::train::predict::predict;
use crate::train::progress::{self, Training as Display};
use crate::train::setup::{self, DataSettings, Loader, Start, Stores, store_name};
use crate::train::weights::{self, Description};

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
/// Result of an evaluation.
pub(super) const SCORE: &str = "score.json";
/// Result of the baselines stage.
pub(super) const MEASURED: &str = "baselines.json";
/// Examples a batch when evaluating.
const EVAL_BATCH: usize = 256;

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Score {
    /// Mean score, percent.
    pub accuracy: f64,
    /// Examples answered.
    pub n: u64,
    /// NLVR2: groups of examples of one sentence with every example right, percent.
    pub consistency: Option<f64>,
}

/// Name of the predictions file within an evaluation's folder.
pub(super) fn predictions_file(task: Task) -> String {
    let suffix = if task == Task::Nlvr2 { "csv" } else { "json" };
    format!("{}_predict.{suffix}", splits(task).1)
}

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
    let loader = loader(context, task, threads)?;
    let (train, valid) = splits(task);
    let (train, valid) = (loader.questions(train, &Silent)?, loader.questions(valid, &Silent)?);
    let config = crate::lxrt::Config { vocab_size: loader.vocab_size(), visual_feat_dim: train.source.dim(), ..config };
    let description = Description { task, config, answers: loader.classes() };
    let start = match starts_from(task) {
        Some(other) => Start::Lxmert(context.input(&train_stage(other), ENCODER)?.display().to_string()),
        None => Start::Scratch,
    };
    let (model, report) = setup::model(&description, &start, &loader, seed, false, Device::Cpu)?;
    if let Some(report) = report {
        context.note(&format!("weights: {report}"));
    }
    let settings = Settings {
        epochs: recipe.epochs,
        batch_size: recipe.batch_size,
        eval_batch_size: EVAL_BATCH,
        lr: recipe.lr,
        optim: Optim::Bert,
        seed,
        mce_loss: false,
        output: context.folder().to_owned(),
        pth: false,
        description,
    };
    let mut display = Display::new(train.questions.len(), valid.questions.len());
    let outcome = finetune::run(&model, &train, Some(&valid), &settings, &mut display)?;
    weights::save_encoder(&model, context.folder(), "ENCODER")?;
    context.note(&format!(
        "{} parameters, {} steps, training accuracy {:.2}",
        model.parameters().count(),
        outcome.steps,
        outcome.train * 100.0
    ));
    Ok(())
}

pub(super) fn evaluate(context: &mut StageContext) -> Result<()> {
    let Training { task, threads, seed, .. } = context.parameters()?;
    let loader = loader(context, task, threads)?;
    let questions = loader.questions(splits(task).1, &Silent)?;
    let weights = context.input(&train_stage(task), WEIGHTS)?;
    let description = weights::describe(&weights)?
        .ok_or_else(|| Error::bug(format!("{} does not describe its model", weights.display())))?;
    let start = Start::FineTuned(weights.display().to_string());
    let (model, _) = setup::model(&description, &start, &loader, seed, false, Device::Cpu)?;
    let predictions = predict(&model, &questions, EVAL_BATCH, |_| {})?;
    dataset::write_predictions(task, &context.output(&predictions_file(task))?, &predictions)?;
    let consistency = match task {
        Task::Nlvr2 => {
            let gold = nlvr2_official::nlvr2_gold(&questions.data)?;
            Some(nlvr2_official::nlvr2_official(&gold, &predictions)?.consistency() * 100.0)
        }
        _ => None,
    };
    let accuracy = dataset::score(&questions.data, &predictions)? * 100.0;
    let score = Score { accuracy, n: predictions.len() as u64, consistency };
    context.note(&format!("accuracy {accuracy:.2} on {} examples", score.n));
    write_json(&context.output(SCORE)?, &score)
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

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|e| Error::bug("a result cannot be written").because(e))?;
    files::write_bytes(path, &text)
}
