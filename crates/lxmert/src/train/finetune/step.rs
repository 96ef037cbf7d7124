//! One step of fine-tuning: forward, backward, clipping, update. The training loop and `repro bench train` share this code.

use std::time::{Duration, Instant};

use crate::model::{ForwardContext, TaskModel, losses};
use crate::train::batches::PreparedBatch;
use crate::train::bert_adam;
use crate::train::optimiser::Optimiser;
use crate::train::predict;
use crate::train::session::{StepResult, Updater};
use base::error::{Error, Result};
use data::dataset::{Prediction, Task};
use lxmert_spec::paper::{CLIP, WARM_UP};
use trainings::examples::PreparedSplit;
use trainings::options::Optim;

/// The settings that all steps of a run share.
#[derive(Debug, Clone, Copy)]
pub struct FinetuneStepSettings {
    /// Update settings.
    pub optim: Optim,
    /// Peak learning rate.
    pub lr: f64,
    /// Seed of dropout.
    pub seed: u64,
    /// GQA: cross entropy with the best answer instead of binary cross entropy.
    pub mce_loss: bool,
    /// Steps of the whole run, over which the learning rate is scheduled.
    pub total: u64,
}

/// A fine-tuning of which steps are taken one by one.
pub struct FinetuneStepper<'a> {
    model: &'a TaskModel,
    train: &'a PreparedSplit,
    settings: FinetuneStepSettings,
}

/// The scores of the model's answers before the update, and the times of the step.
pub struct StepAnswers {
    /// Score of each answer, 0 to 1.
    pub points: Vec<f64>,
    /// Times of the step's parts.
    pub times: StepTimes,
}

/// The wall-clock times of a step's parts. A GPU works asynchronously, so a part's time is only that of its launch, and a wait
/// counts for the next part that needs a value.
#[derive(Debug, Clone, Copy)]
pub struct StepTimes {
    /// Logits and loss.
    pub forward: Duration,
    /// Gradients.
    pub backward: Duration,
    /// Norm of the gradients.
    pub clip: Duration,
    /// Update of the weights.
    pub optimiser: Duration,
}

impl<'a> FinetuneStepper<'a> {
    /// Creates a stepper that trains `model` on batches of `train`.
    pub fn new(model: &'a TaskModel, train: &'a PreparedSplit, settings: FinetuneStepSettings) -> Self {
        Self { model, train, settings }
    }

    /// Returns the updater of the model's weights.
    pub fn updater(&self) -> Updater<'a> {
        let FinetuneStepSettings { optim, lr, seed, total, .. } = self.settings;
        let optimiser = Optimiser::new(optim, bert_adam::BertAdamSettings::new(lr, WARM_UP, Some(total)));
        Updater::new(self.model.parameters(), optimiser, CLIP, seed)
    }

    /// Takes a step.
    ///
    /// # Errors
    /// Data if the loss or a gradient is not finite; then the weights are unchanged.
    pub fn step(&self, updater: &mut Updater<'_>, batch: &PreparedBatch) -> Result<StepResult<StepAnswers>> {
        let target = batch.target.as_ref().ok_or_else(|| Error::bug("a training batch has no target"))?;
        let started = Instant::now();
        updater.seed_step();
        let logits = self.model.forward(&batch.input, ForwardContext::TRAIN);
        let loss = match (self.train.data.task, self.settings.mce_loss) {
            (Task::Nlvr2, _) => losses::classes(&logits, target),
            (_, true) => losses::hard_answers(&logits, target),
            (_, false) => losses::soft_answers(&logits, target),
        };
        let forward = Instant::now();
        let gradients = updater.gradients(&loss);
        let backward = Instant::now();
        let gradients = updater.reduce(gradients);
        let (loss, grad_norm) = (loss.double_value(&[]), gradients.norm);
        let clip = Instant::now();
        if !loss.is_finite() || !grad_norm.is_finite() {
            return Err(diverged(self.train, &batch.positions, updater.steps(), loss, grad_norm));
        }
        let lr = updater.update(&gradients);
        let times = StepTimes {
            forward: forward - started,
            backward: backward - forward,
            clip: clip - backward,
            optimiser: clip.elapsed(),
        };
        let answers = predict::best_answers(self.train, &batch.positions, &logits);
        let points = batch.positions.iter().zip(&answers).map(|(&at, answer)| points(self.train, at, answer)).collect();
        Ok(StepResult { loss, grad_norm, lr, details: StepAnswers { points, times } })
    }
}

/// Returns the score of an answer, 0 to 1.
fn points(questions: &PreparedSplit, position: usize, prediction: &Prediction) -> f64 {
    let label = questions.data.examples[questions.examples[position].index].label.as_ref();
    label.map_or(0.0, |label| label.points(&prediction.answer))
}

fn diverged(train: &PreparedSplit, positions: &[usize], step: u64, loss: f64, norm: f64) -> Error {
    let ids: Vec<String> =
        positions.iter().take(5).map(|&p| train.data.examples[train.examples[p].index].id.to_string()).collect();
    Error::data(format!("training diverged at step {}: loss {loss}, gradient norm {norm}", step + 1))
        .because(format!("its batch has {} examples with ids {}, …", positions.len(), ids.join(", ")))
        .next("inspect these examples' features (`repro features inspect`), or lower --lr; this step left the weights unchanged")
}
