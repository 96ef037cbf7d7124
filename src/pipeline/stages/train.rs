//! The stage that fine-tunes a task.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::pipeline::plan::StageContext;
use crate::pipeline::workers::Workers;
use base::error::Result;
use lxmert_spec::paper::{FineTuningRecipe, OPTIM, fine_tuning};
use lxmert_spec::recipe::TrainingRecipe;
use lxmert_spec::{Config, ModelDescription};
use protocol::{Finetune, Job};
use trainings::finetune::FinetuneSettings;
use trainings::initial_weights::InitialWeights;
use trainings::outcome::FinetuneOutcome;
use trainings::resume::{SnapshotSettings, StartMode};
use trainings::snapshot::SnapshotInterval;
use trainings::task_loader::TaskDataSettings;

/// How a task is fine-tuned.
pub(in crate::pipeline) struct FineTuning {
    /// The data of the task; the splits are those of the paper.
    pub data: TaskDataSettings,
    /// Sizes of the model; vocabulary and feature width are replaced by those of the data.
    pub config: Config,
    /// Epochs, batch size, learning rate.
    pub recipe: TrainingRecipe,
    /// Examples per batch when validating.
    pub eval_batch_size: usize,
    /// Initial weights.
    pub start: InitialWeights,
    /// Seed of data order, dropout and random weights.
    pub seed: u64,
    /// Name under which the encoder alone is saved too.
    pub encoder: Option<&'static str>,
    /// CPU threads.
    pub threads: usize,
    /// Files and folders that the worker reads.
    pub reads: Vec<PathBuf>,
}

/// Has a worker train with BertAdam and validate after each epoch. It writes BEST and LAST, `metrics.jsonl` and `log.log` into
/// the stage's folder.
pub(in crate::pipeline) fn train(context: &mut StageContext, workers: &Workers, tuning: FineTuning) -> Result<()> {
    let FineTuning { data, config, recipe, eval_batch_size, start, seed, encoder, threads, reads } = tuning;
    let FineTuningRecipe { train, valid, .. } = fine_tuning(data.task);
    let settings = FinetuneSettings {
        epochs: recipe.epochs,
        batch_size: recipe.batch_size,
        eval_batch_size,
        lr: recipe.lr,
        optim: OPTIM,
        seed,
        mce_loss: false,
        output: context.folder().to_owned(),
        pth: false,
        // The number of answers comes from the worker, which reads the data.
        description: ModelDescription { task: data.task, config, answers: 0 },
        vocabulary: None,
        also: BTreeMap::from([("start".to_owned(), start.described())]),
        loaded: None,
        snapshots: SnapshotSettings::below(
            context.folder(),
            SnapshotInterval::Time(Duration::from_secs(20 * 60)),
            StartMode::Resume,
        ),
    };
    let job = Finetune {
        train: train.to_owned(),
        valid: valid.to_owned(),
        data,
        start,
        allow_missing: false,
        settings,
        encoder: encoder.map(str::to_owned),
        stage: true,
    };
    workers.run(context, Job::Finetune(Box::new(job)), threads, reads).map(|_: FinetuneOutcome| ())
}
