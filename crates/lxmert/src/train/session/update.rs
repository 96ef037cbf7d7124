//! Applies the gradients of a step to the weights, and stores and restores everything that a step changes.

use base::error::{Error, Result};
use checkpoint::StateDict;
use tch::Tensor;

use crate::model::Parameters;
use crate::train::gradients;
use crate::train::optimiser::Optimiser;

/// The weights of a model with the optimiser that updates them.
pub struct Updater<'a> {
    parameters: &'a Parameters,
    tensors: Vec<Tensor>,
    optimiser: Optimiser,
    /// Maximum L2 norm of the gradients.
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
    /// Creates an updater of these parameters. `seed` decides dropout.
    pub fn new(parameters: &'a Parameters, optimiser: Optimiser, clip: f64, seed: u64) -> Self {
        let tensors = parameters.named().into_iter().map(|(_, tensor)| tensor).collect();
        Self { parameters, tensors, optimiser, clip, seed, steps: 0 }
    }

    /// Returns the number of steps taken so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Seeds torch's generator for the next step, so that its dropout depends on seed and step alone.
    pub fn seed_step(&self) {
        tch::manual_seed(step_seed(self.seed, self.steps));
    }

    /// Returns the gradient of a loss by each parameter; undefined if the loss does not depend on the parameter.
    pub fn gradients(&self, loss: &Tensor) -> Vec<Tensor> {
        gradients::gradients(loss, &self.tensors)
    }

    /// Returns this process's gradients as those of the whole step, with their norm.
    ///
    /// The only place that completes the gradients of a step. Several processes would sum theirs here, before the norm is computed;
    /// scaled gradients of mixed precision would be unscaled here.
    pub fn reduce(&self, tensors: Vec<Tensor>) -> StepGradients {
        let norm = gradients::norm(&tensors);
        StepGradients { tensors, norm }
    }

    /// Clips the gradients and updates the weights, which completes a step. Returns the learning rate.
    pub fn update(&mut self, gradients: &StepGradients) -> f64 {
        let scale = gradients::clip_factor(gradients.norm, self.clip);
        let lr = self.optimiser.step(&self.tensors, &gradients.tensors, scale);
        self.steps += 1;
        lr
    }

    /// Returns all that steps change: the weights under their names, and the optimiser's state.
    pub fn state(&self) -> StateDict {
        let mut state = self.parameters.state();
        state.extend(self.optimiser.state(&self.parameters.named()));
        state
    }

    /// Returns the size of [`state`](Self::state) in bytes, with two moments for every parameter.
    pub fn state_bytes(&self) -> u64 {
        // f32, once as a weight and twice in the optimiser.
        3 * 4 * self.parameters.count() as u64
    }

    /// Restores the result of [`state`](Self::state) after `steps` steps.
    ///
    /// # Errors
    /// Data if it belongs to another model or optimiser. Then the weights are unchanged, but the optimiser must not be used any
    /// more.
    pub fn restore(&mut self, steps: u64, state: &StateDict) -> Result<()> {
        let weight = |name: String| match state.get(&name) {
            Some(data) => Ok((name, data.clone())),
            None => Err(Error::data(format!("the snapshot has no parameter {name}"))
                .next("remove it, or train from scratch with --restart")),
        };
        let weights: StateDict = self.parameters.shapes().into_keys().map(weight).collect::<Result<_>>()?;
        self.optimiser.restore(&self.parameters.named(), steps, state)?;
        self.parameters.load(&weights)?;
        self.steps = steps;
        Ok(())
    }
}

/// Mixes seed and step, so that the generators of neighbouring steps are unrelated.
fn step_seed(seed: u64, step: u64) -> i64 {
    let mixed = (seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ (mixed >> 31)) as i64
}
