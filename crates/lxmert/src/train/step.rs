//! One step of fine-tuning: forward, backward, clipping, update. The loop and `repro bench train` run this same code.

use std::time::{Duration, Instant};

use tch::Tensor;

use super::batches::Ready;
use super::bert_adam;
use super::gradients;
use super::optimiser::Optimiser;
use super::predict;
use crate::model::{Parameters, Pass, TaskModel, losses};
use base::error::{Error, Result};
use checkpoint::StateDict;
use data::dataset::{Prediction, Task};
use trainings::choices::Optim;
use trainings::questions::Questions;

/// L2 norm to which gradients are clipped (all three programs, src/tasks/{vqa,gqa,nlvr2}.py @ 0db1182).
const CLIP: f64 = 5.0;
/// Share of the steps that warm up.
const WARMUP: f64 = 0.1;

/// What all steps of a run have in common.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Update rule.
    pub optim: Optim,
    /// Peak learning rate.
    pub lr: f64,
    /// Decides dropout.
    pub seed: u64,
    /// GQA: cross entropy with the best answer in place of binary cross entropy.
    pub mce_loss: bool,
    /// Steps of the whole run, which the learning rate's schedule spans.
    pub total: u64,
}

/// Takes steps, one after the other.
pub struct Stepper<'a> {
    model: &'a TaskModel,
    train: &'a Questions,
    rule: Rule,
    parameters: Vec<Tensor>,
    optimiser: Optimiser,
    steps: u64,
}

/// A step taken.
pub struct Step {
    /// Loss of the batch before the update.
    pub loss: f64,
    /// L2 norm of the gradients before clipping.
    pub grad_norm: f64,
    /// Learning rate used.
    pub lr: f64,
    /// The model's answers before the update.
    pub answered: Vec<Prediction>,
    /// Where the time went.
    pub parts: Parts,
}

/// Wall-clock time of a step's parts. On a GPU, which works behind the program's back, a part's time is when it was
/// asked for, and the waiting falls on the next part that needs a value.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    /// Logits and loss.
    pub forward: Duration,
    /// Gradients.
    pub backward: Duration,
    /// The gradients' norm.
    pub clip: Duration,
    /// The update.
    pub optimiser: Duration,
}

impl<'a> Stepper<'a> {
    /// Will train `model` on batches of `train`.
    pub fn new(model: &'a TaskModel, train: &'a Questions, rule: Rule) -> Self {
        let settings = bert_adam::Settings::new(rule.lr, WARMUP, Some(rule.total));
        Self {
            model,
            train,
            rule,
            parameters: model.parameters().named().into_iter().map(|(_, t)| t).collect(),
            optimiser: Optimiser::new(rule.optim, settings),
            steps: 0,
        }
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Everything that steps change: the weights under their names and the optimiser's state.
    pub fn state(&self) -> StateDict {
        state(self.model.parameters(), &self.optimiser)
    }

    /// Bytes of the tensors of a snapshot.
    pub fn state_bytes(&self) -> u64 {
        state_bytes(self.model.parameters())
    }

    /// Goes on from what [`state`](Self::state) gave after `steps` steps.
    ///
    /// # Errors
    /// Data where it is of another model or optimiser.
    pub fn restore(&mut self, steps: u64, state: &StateDict) -> Result<()> {
        restore(self.model.parameters(), &mut self.optimiser, steps, state)?;
        self.steps = steps;
        Ok(())
    }

    /// Takes a step. A loss or gradient that is not finite is an error, and then the weights stay as they were.
    pub fn step(&mut self, ready: &Ready) -> Result<Step> {
        let target = ready.target.as_ref().ok_or_else(|| Error::bug("a training batch has no target"))?;
        let started = Instant::now();
        // Dropout of a step depends on seed and step alone, not on what ran before it.
        tch::manual_seed(step_seed(self.rule.seed, self.steps));
        let logits = self.model.forward(&ready.batch, Pass::TRAIN);
        let loss = match (self.train.data.task, self.rule.mce_loss) {
            (Task::Nlvr2, _) => losses::classes(&logits, target),
            (_, true) => losses::hard_answers(&logits, target),
            (_, false) => losses::soft_answers(&logits, target),
        };
        let forward = Instant::now();
        let gradients = gradients::gradients(&loss, &self.parameters);
        let backward = Instant::now();
        let grad_norm = gradients::norm(&gradients);
        let loss = loss.double_value(&[]);
        let clip = Instant::now();
        if !loss.is_finite() || !grad_norm.is_finite() {
            return Err(diverged(self.train, &ready.positions, self.steps, loss, grad_norm));
        }
        let lr = self.optimiser.step(&self.parameters, &gradients, gradients::clip_factor(grad_norm, CLIP));
        let parts = Parts {
            forward: forward - started,
            backward: backward - forward,
            clip: clip - backward,
            optimiser: clip.elapsed(),
        };
        self.steps += 1;
        Ok(Step { loss, grad_norm, lr, answered: predict::answered(self.train, &ready.positions, &logits), parts })
    }
}

fn diverged(train: &Questions, positions: &[usize], step: u64, loss: f64, norm: f64) -> Error {
    let ids: Vec<String> =
        positions.iter().take(5).map(|&p| train.data.examples[train.questions[p].index].id.to_string()).collect();
    Error::data(format!("training broke at step {}: loss {loss}, gradient norm {norm}", step + 1))
        .because(format!("the batch of {} examples with ids {}, …", positions.len(), ids.join(", ")))
        .next("inspect these examples' features (`repro features inspect`), or lower --lr; the weights of this step were not changed")
}

/// Everything that steps change: the weights under their names and the optimiser's state.
pub(super) fn state(parameters: &Parameters, optimiser: &Optimiser) -> StateDict {
    let mut state = parameters.state();
    state.extend(optimiser.state(&parameters.named()));
    state
}

/// Bytes of [`state`], counting two moments of every parameter.
pub(super) fn state_bytes(parameters: &Parameters) -> u64 {
    // f32, once as a weight and twice in the optimiser.
    3 * 4 * parameters.count() as u64
}

/// Puts back what [`state`] gave after `steps` steps.
///
/// # Errors
/// Data where it is of another model or optimiser; the weights are as they were then, the optimiser is of no use any more.
pub(super) fn restore(parameters: &Parameters, optimiser: &mut Optimiser, steps: u64, state: &StateDict) -> Result<()> {
    let weight = |name: String| match state.get(&name) {
        Some(data) => Ok((name, data.clone())),
        None => Err(Error::data(format!("the snapshot lacks the parameter {name}"))),
    };
    let weights: StateDict = parameters.shapes().into_keys().map(weight).collect::<Result<_>>()?;
    optimiser.restore(&parameters.named(), steps, state)?;
    parameters.load(&weights)
}

/// Mixes seed and step so that neighbouring steps get unrelated generators.
pub(super) fn step_seed(seed: u64, step: u64) -> i64 {
    let mixed = (seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ (mixed >> 31)) as i64
}
