//! From the gradients of a step to new weights, and all that a step changes as tensors of a snapshot.

use base::error::{Error, Result};
use checkpoint::StateDict;
use tch::Tensor;

use crate::model::Parameters;
use crate::train::gradients;
use crate::train::optimiser::Optimiser;

/// A model's weights and what updates them.
pub struct Updater<'a> {
    parameters: &'a Parameters,
    tensors: Vec<Tensor>,
    optimiser: Optimiser,
    /// L2 norm to which gradients are clipped.
    clip: f64,
    seed: u64,
    steps: u64,
}

/// The gradients of a whole step.
pub struct StepGradients {
    tensors: Vec<Tensor>,
    /// Their L2 norm before clipping.
    pub norm: f64,
}

impl<'a> Updater<'a> {
    /// Will update these parameters. `seed` decides dropout.
    pub fn new(parameters: &'a Parameters, optimiser: Optimiser, clip: f64, seed: u64) -> Self {
        let tensors = parameters.named().into_iter().map(|(_, tensor)| tensor).collect();
        Self { parameters, tensors, optimiser, clip, seed, steps: 0 }
    }

    /// Returns the number of steps taken so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Seeds the generator for the next step: its dropout depends on seed and step alone, not on what ran before it.
    pub fn seed_step(&self) {
        tch::manual_seed(step_seed(self.seed, self.steps));
    }

    /// Returns the gradients of a loss by each parameter; undefined where the loss does not depend on one.
    pub fn gradients(&self, loss: &Tensor) -> Vec<Tensor> {
        gradients::gradients(loss, &self.tensors)
    }

    /// Returns this process's gradients as those of the whole step, with their norm.
    ///
    /// The only place where a step's gradients become whole. Several ranks would sum theirs here, before the norm is taken; scaled
    /// ones of mixed precision would be unscaled here.
    pub fn reduce(&self, tensors: Vec<Tensor>) -> StepGradients {
        let norm = gradients::norm(&tensors);
        StepGradients { tensors, norm }
    }

    /// Clips the gradients and updates the weights: a step is taken. Returns the learning rate used.
    pub fn update(&mut self, gradients: &StepGradients) -> f64 {
        let scale = gradients::clip_factor(gradients.norm, self.clip);
        let lr = self.optimiser.step(&self.tensors, &gradients.tensors, scale);
        self.steps += 1;
        lr
    }

    /// Returns everything that steps change: the weights under their names and the optimiser's state.
    pub fn state(&self) -> StateDict {
        let mut state = self.parameters.state();
        state.extend(self.optimiser.state(&self.parameters.named()));
        state
    }

    /// Returns the bytes of [`state`](Self::state), counting two moments of every parameter.
    pub fn state_bytes(&self) -> u64 {
        // f32, once as a weight and twice in the optimiser.
        3 * 4 * self.parameters.count() as u64
    }

    /// Puts back what [`state`](Self::state) gave after `steps` steps.
    ///
    /// # Errors
    /// Data where it is of another model or optimiser; the weights are as they were then, the optimiser is of no use any more.
    pub fn restore(&mut self, steps: u64, state: &StateDict) -> Result<()> {
        let weight = |name: String| match state.get(&name) {
            Some(data) => Ok((name, data.clone())),
            None => Err(Error::data(format!("the snapshot lacks the parameter {name}"))),
        };
        let weights: StateDict = self.parameters.shapes().into_keys().map(weight).collect::<Result<_>>()?;
        self.optimiser.restore(&self.parameters.named(), steps, state)?;
        self.parameters.load(&weights)?;
        self.steps = steps;
        Ok(())
    }
}

/// Mixes seed and step so that neighbouring steps get unrelated generators.
fn step_seed(seed: u64, step: u64) -> i64 {
    let mixed = (seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ (mixed >> 31)) as i64
}
