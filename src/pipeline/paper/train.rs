//! Training and evaluation with libtorch on the workspace's data.

use std::path::Path;

use tch::Device;

use super::needs::{DATA, VOCABULARY};
use super::recipe::{self, WEIGHTS};
use super::{FineTuner, Training, evaluate_stage, train_stage};
use crate::pipeline::plan::{StageContext, Work};
use crate::pipeline::stages::{self, FineTuning};
use crate::prepare;
use base::error::{Error, Result};
use data::dataset::Task;
use lxmert_spec::Config;
use trainings::loader::{DataSettings, Loader, Stores};
use trainings::start::Start;

/// Trains and answers with libtorch.
#[derive(Debug, Clone, Copy)]
pub struct Libtorch {
    /// Where it is computed.
    pub device: Device,
}

impl FineTuner for Libtorch {
    fn train(&self, context: &mut StageContext, training: &Training, workspace: &Path) -> Result<()> {
        let task = training.task;
        let config: Config = serde_json::from_value(training.model.config.clone())
            .map_err(|e| Error::bug(format!("the sizes of model {} cannot be read", training.model.name)).because(e))?;
        let weights = workspace.join(WEIGHTS).display().to_string();
        let tuning = FineTuning {
            task,
            config,
            recipe: training.recipe,
            eval_batch_size: recipe::eval_batch_size(task),
            start: if recipe::loads_answers(task) { Start::LxmertQa(weights) } else { Start::Lxmert(weights) },
            seed: training.seed,
            device: self.device,
        };
        stages::train(context, &loader(training, workspace)?, &tuning).map(drop)
    }

    fn evaluate(
        &self,
        context: &mut StageContext,
        training: &Training,
        workspace: &Path,
        trained: &Path,
    ) -> Result<()> {
        let best = trained.join("BEST.safetensors");
        // A model that was never right on the validation set has no best epoch.
        let weights = if best.exists() { best } else { trained.join("LAST.safetensors") };
        let (task, loader) = (training.task, loader(training, workspace)?);
        stages::evaluate(context, &loader, task, &weights, recipe::eval_batch_size(task), self.device)
    }
}

/// What a stage of a name does with the data of a workspace, on a device.
pub fn work(stage: &str, workspace: &Path, device: Device) -> Option<Work> {
    let (tuner, workspace) = (Libtorch { device }, workspace.to_owned());
    let task_of = |name: fn(Task) -> String| Task::ALL.into_iter().find(|task| stage == name(*task));
    if task_of(train_stage).is_some() {
        return Some(Box::new(move |context| tuner.train(context, &context.parameters()?, &workspace)));
    }
    task_of(evaluate_stage)?;
    Some(Box::new(move |context| {
        let training: Training = context.parameters()?;
        let trained = context.input_folder(&train_stage(training.task))?;
        tuner.evaluate(context, &training, &workspace, &trained)
    }))
}

fn loader(training: &Training, workspace: &Path) -> Result<Loader> {
    let threads = i32::try_from(training.machine.threads).map_err(|_| Error::usage("too many threads"))?;
    tch::set_num_threads(threads);
    Loader::new(DataSettings {
        task: training.task,
        data_root: workspace.join(DATA),
        stores: Stores::Build { folder: prepare::stores(workspace), precision: training.precision },
        vocab: workspace.join(VOCABULARY),
        scale: training.scale,
        allow_missing_images: false,
        ablation: None,
    })
}
