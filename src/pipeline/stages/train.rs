//! Fine-tuning a task.

use std::collections::BTreeMap;
use std::time::Duration;

use tch::Device;

use crate::pipeline::plan::StageContext;
use base::error::Result;
use data::dataset::Task;
use data::features::progress::Silent;
use lxmert::model::TaskModel;
use lxmert::train::finetune;
use lxmert::train::progress::Training as Display;
use lxmert::train::setup;
use lxmert_spec::Config;
use lxmert_spec::Description;
use lxmert_spec::demo::TrainingRecipe;
use trainings::begin::{Begin, SnapshotSettings};
use trainings::choices::Optim;
use trainings::finetune::Settings;
use trainings::loader::Loader;
use trainings::snapshot::Every;
use trainings::start::Start;

/// How a task is fine-tuned.
pub(in crate::pipeline) struct FineTuning {
    /// The task; it is trained and validated on the paper's splits.
    pub task: Task,
    /// Sizes; vocabulary and feature width follow the data.
    pub config: Config,
    /// Epochs, batch size, learning rate.
    pub recipe: TrainingRecipe,
    /// Examples a batch when validating.
    pub eval_batch_size: usize,
    /// First weights.
    pub start: Start,
    /// Decides data order, dropout and random weights.
    pub seed: u64,
    /// Where it is computed.
    pub device: Device,
}

/// Trains with BertAdam, validating after each epoch; leaves BEST and LAST, `metrics.jsonl` and `log.log` in the
/// stage's folder.
pub(in crate::pipeline) fn train(
    context: &mut StageContext,
    loader: &Loader,
    tuning: &FineTuning,
) -> Result<TaskModel> {
    let FineTuning { task, config, recipe, eval_batch_size, start, seed, device } = tuning;
    let (train, valid) = task.paper_splits();
    let (train, valid) = (loader.questions(train, &Silent)?, loader.questions(valid, &Silent)?);
    for questions in [&train, &valid] {
        if questions.dropped() > 0 {
            let (splits, dropped) = (questions.data.splits.join(","), questions.dropped());
            context.note(&format!("{splits}: {dropped} examples left out for want of features"));
        }
    }
    let (vocab_size, visual_feat_dim) = (loader.vocab_size(), train.source.dim());
    let config = Config { vocab_size, visual_feat_dim, ..config.clone() };
    config.check()?;
    let description = Description { task: *task, config, answers: loader.classes() };
    let (model, report) = setup::model(&description, start, loader, *seed, false, *device)?;
    if let Some(report) = &report {
        context.note(&format!("weights: {report}"));
    }
    let settings = Settings {
        epochs: recipe.epochs,
        batch_size: recipe.batch_size,
        eval_batch_size: *eval_batch_size,
        lr: recipe.lr,
        optim: Optim::Bert,
        seed: *seed,
        mce_loss: false,
        output: context.folder().to_owned(),
        pth: false,
        description,
        vocabulary: Some(loader.tokenizer().sha256().to_owned()),
        also: BTreeMap::from([("start".to_owned(), start.described())]),
        loaded: report,
        snapshots: SnapshotSettings::below(context.folder(), Every::Time(Duration::from_secs(20 * 60)), Begin::Resume),
    };
    let mut display = Display::new(train.questions.len(), valid.questions.len());
    let outcome = finetune::run(&model, &train, Some(&valid), &settings, &mut display)?;
    context.note(&format!(
        "{} parameters, {} steps, training accuracy {:.2}",
        model.parameters().count(),
        outcome.steps,
        outcome.train * 100.0
    ));
    Ok(model)
}
