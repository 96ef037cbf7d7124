//! Trains and evaluates on the workspace's data with workers.

use std::path::{Path, PathBuf};

use super::needs::{DATA, VOCABULARY};
use super::settings::PaperTraining;
use crate::pipeline::container::{FeatureSelection, build_stores};
use crate::pipeline::plan::StageContext;
use crate::pipeline::stages::{self, Evaluation, FineTuning};
use crate::pipeline::workers::Workers;
use crate::placement::ContainerPlace;
use crate::prepare;
use base::error::{Error, Result};
use base::progress::Quiet;
use lxmert_spec::Config;
use lxmert_spec::paper::{FineTuningRecipe, PRETRAINED_FILE, fine_tuning};
use lxmert_spec::weights_names::{BEST_FILE, LAST_FILE};
use trainings::initial_weights::InitialWeights;
use trainings::task_loader::{StoreLocation, TaskDataSettings};

/// Trains and evaluates a task with the data and weights in `workspace`.
pub trait FineTuner {
    /// Trains, and writes weights and metrics into the stage's folder.
    ///
    /// # Errors
    /// Those of the training.
    fn train(&self, context: &mut StageContext, training: &PaperTraining, workspace: &Path) -> Result<()>;

    /// Answers the task's validation set with the weights in the folder `trained`, and writes the score.
    ///
    /// # Errors
    /// Those of the evaluation.
    fn evaluate(
        &self,
        context: &mut StageContext,
        training: &PaperTraining,
        workspace: &Path,
        trained: &Path,
    ) -> Result<()>;

    /// Returns the image that the work is done in; `None` if on this machine itself.
    fn place(&self) -> Option<&ContainerPlace> {
        None
    }
}

/// The tuner that has workers compute with libtorch.
#[derive(Debug, Clone)]
pub struct LibtorchTuner {
    /// The workers.
    pub workers: Workers,
}

impl FineTuner for LibtorchTuner {
    fn train(&self, context: &mut StageContext, training: &PaperTraining, workspace: &Path) -> Result<()> {
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
        training: &PaperTraining,
        workspace: &Path,
        trained: &Path,
    ) -> Result<()> {
        let best = trained.join(BEST_FILE);
        // A model that answered nothing correctly on the validation set has no best epoch.
        let weights = if best.exists() { best } else { trained.join(LAST_FILE) };
        let (data, mut reads) = self.data(training, workspace)?;
        reads.push(trained.to_owned());
        let (batch_size, threads) = (fine_tuning(training.task).eval_batch_size, training.machine.threads);
        stages::evaluate(context, &self.workers, Evaluation { data, weights, batch_size, threads, reads })
    }

    fn place(&self) -> Option<&ContainerPlace> {
        self.workers.placement.image().map(|place| &**place)
    }
}

impl LibtorchTuner {
    /// Returns the data settings of a task, and the files and folders that they read. Stores are built first, since a container
    /// cannot write them.
    fn data(&self, training: &PaperTraining, workspace: &Path) -> Result<(TaskDataSettings, Vec<PathBuf>)> {
        let PaperTraining { task, scale, precision, .. } = *training;
        let (data_root, stores, vocab) = (workspace.join(DATA), prepare::stores(workspace), workspace.join(VOCABULARY));
        if !self.workers.placement.builds_stores() {
            let FineTuningRecipe { train, valid, .. } = fine_tuning(task);
            let watcher = (self.workers.watchers)();
            for splits in [train, valid] {
                build_stores(
                    FeatureSelection { task, splits, scale, precision },
                    &data_root,
                    &stores,
                    &Quiet(&*watcher),
                )?;
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
