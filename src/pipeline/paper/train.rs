//! Training and evaluation on the workspace's data, by workers.

use std::path::{Path, PathBuf};

use super::needs::{DATA, VOCABULARY};
use super::settings::Training;
use crate::pipeline::contained::{Features, build_stores};
use crate::pipeline::plan::StageContext;
use crate::pipeline::stages::{self, Evaluation, FineTuning};
use crate::pipeline::workers::Workers;
use crate::placement::Place;
use crate::prepare;
use base::error::{Error, Result};
use base::progress::Quiet;
use lxmert_spec::Config;
use lxmert_spec::paper::{FineTuningRecipe, PRETRAINED_FILE, fine_tuning};
use lxmert_spec::weights_names::{BEST_FILE, LAST_FILE};
use trainings::initial_weights::InitialWeights;
use trainings::task_loader::{StoreLocation, TaskDataSettings};

/// Whoever trains and answers. It reads the data and the weights below `workspace` that the task needs.
pub trait FineTuner {
    /// Trains, and leaves weights and its metrics in the stage's folder.
    ///
    /// # Errors
    /// Whatever stands in the way.
    fn train(&self, context: &mut StageContext, training: &Training, workspace: &Path) -> Result<()>;

    /// Answers the task's validation set with the weights that `trained` holds, and leaves the score.
    ///
    /// # Errors
    /// Whatever stands in the way.
    fn evaluate(&self, context: &mut StageContext, training: &Training, workspace: &Path, trained: &Path)
    -> Result<()>;

    /// The image that it happens in; none on this machine itself.
    fn place(&self) -> Option<&Place> {
        None
    }
}

/// Trains and answers with libtorch.
#[derive(Debug, Clone)]
pub struct Libtorch {
    /// Who computes.
    pub workers: Workers,
}

impl FineTuner for Libtorch {
    fn train(&self, context: &mut StageContext, training: &Training, workspace: &Path) -> Result<()> {
        let task = training.task;
        let config: Config = serde_json::from_value(training.model.config.clone())
            .map_err(|e| Error::bug(format!("the sizes of model {} cannot be read", training.model.name)).because(e))?;
        let weights = workspace.join(PRETRAINED_FILE);
        let name = weights.display().to_string();
        let (data, mut reads) = self.data(training, workspace)?;
        reads.push(weights);
        let FineTuningRecipe { eval_batch_size, loads_answers, .. } = fine_tuning(task);
        let tuning = FineTuning {
            data,
            config,
            recipe: training.recipe,
            eval_batch_size,
            start: if loads_answers { InitialWeights::LxmertQa(name) } else { InitialWeights::Lxmert(name) },
            seed: training.seed,
            encoder: None,
            threads: training.machine.threads,
            reads,
        };
        stages::train(context, &self.workers, tuning)
    }

    fn evaluate(
        &self,
        context: &mut StageContext,
        training: &Training,
        workspace: &Path,
        trained: &Path,
    ) -> Result<()> {
        let best = trained.join(BEST_FILE);
        // A model that was never right on the validation set has no best epoch.
        let weights = if best.exists() { best } else { trained.join(LAST_FILE) };
        let (data, mut reads) = self.data(training, workspace)?;
        reads.push(trained.to_owned());
        let (batch_size, threads) = (fine_tuning(training.task).eval_batch_size, training.machine.threads);
        stages::evaluate(context, &self.workers, Evaluation { data, weights, batch_size, threads, reads })
    }

    fn place(&self) -> Option<&Place> {
        self.workers.placement.image().map(|place| &**place)
    }
}

impl Libtorch {
    /// The data of a task, and the files and folders that they are. A container only reads, so that stores are built before.
    fn data(&self, training: &Training, workspace: &Path) -> Result<(TaskDataSettings, Vec<PathBuf>)> {
        let Training { task, scale, precision, .. } = *training;
        let (data_root, stores, vocab) = (workspace.join(DATA), prepare::stores(workspace), workspace.join(VOCABULARY));
        if !self.workers.placement.builds_stores() {
            let FineTuningRecipe { train, valid, .. } = fine_tuning(task);
            let watcher = (self.workers.watchers)();
            for splits in [train, valid] {
                build_stores(Features { task, splits, scale, precision }, &data_root, &stores, &Quiet(&*watcher))?;
            }
        }
        let reads = vec![data_root.clone(), stores.clone(), vocab.clone()];
        let settings = TaskDataSettings {
            task,
            data_root,
            stores: StoreLocation::Build { folder: stores, precision },
            vocab,
            scale,
            allow_missing_images: false,
            ablation: None,
        };
        Ok((settings, reads))
    }
}
