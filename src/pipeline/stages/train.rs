//! Fine-tuning a task.

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
    /// The data of the task; it is trained and validated on the paper's splits.
    pub data: TaskDataSettings,
    /// Sizes; vocabulary and feature width follow the data.
    pub config: Config,
    /// Epochs, batch size, learning rate.
    pub recipe: TrainingRecipe,
    /// Examples a batch when validating.
    pub eval_batch_size: usize,
    /// First weights.
    pub start: InitialWeights,
    /// Decides data order, dropout and random weights.
    pub seed: u64,
    /// Also leaves the encoder alone under this name.
    pub encoder: Option<&'static str>,
    /// Threads of the arithmetic.
    pub threads: usize,
    /// Files and folders that are read.
    pub reads: Vec<PathBuf>,
}

/// Has a worker train with BertAdam, validating after each epoch; it leaves BEST and LAST, `metrics.jsonl` and `log.log` in the
/// stage's folder.
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
        // The worker, which reads the data, says how many answers there are.
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
