//! The optimisers of `--optim`: BertAdam, and torch's own with default settings except for the learning rate
//! (src/param.py and src/tasks/*.py @ 0db1182).

use tch::Tensor;

use super::bert_adam::{BertAdam, BertAdamSettings};
use crate::model::parameters;
use base::error::{Error, Result};
use checkpoint::{DType, StateDict, TensorData};
use trainings::options::Optim;

/// Names of the tensors of a state: the first two are followed by a parameter's name, the third holds all counts of updates.
const FIRST: &str = "optimiser.first.";
const SECOND: &str = "optimiser.second.";
const UPDATES: &str = "optimiser.updates";

/// An optimiser with its state.
pub enum Optimiser {
    /// BertAdam.
    Bert(BertAdam),
    /// One of torch's, with a constant learning rate.
    Torch(TorchOptimiser),
}

impl Optimiser {
    /// Creates an optimiser. Only BertAdam uses `settings` beyond the learning rate.
    pub fn new(choice: Optim, settings: BertAdamSettings) -> Self {
        match choice {
            Optim::Bert => Self::Bert(BertAdam::new(settings)),
            other => Self::Torch(TorchOptimiser { choice: other, lr: settings.lr, states: Vec::new() }),
        }
    }

    /// Updates every parameter whose gradient is defined with `gradient · scale`, and returns the learning rate.
    pub fn step(&mut self, parameters: &[Tensor], gradients: &[Tensor], scale: f64) -> f64 {
        match self {
            Self::Bert(bert) => bert.step(parameters, gradients, scale),
            Self::Torch(torch) => torch.step(parameters, gradients, scale),
        }
    }
}

impl Optimiser {
    /// Returns the state for a snapshot: the moments (f32) of the parameters that were updated, and the number of updates of each
    /// (int64). `parameters` are those passed to [`step`](Self::step), with their names.
    pub fn state(&self, parameters: &[(String, Tensor)]) -> StateDict {
        let (mut state, mut updates) = (StateDict::new(), Vec::with_capacity(parameters.len() * 8));
        for (index, (name, _)) in parameters.iter().enumerate() {
            let of = match self {
                Self::Bert(bert) => bert.state(index),
                Self::Torch(torch) => torch.states.get(index).and_then(Option::as_ref).map(TorchState::parts),
            };
            updates.extend_from_slice(&of.map_or(0, |(.., updates)| updates).to_le_bytes());
            if let Some((first, second, _)) = of {
                state.insert(format!("{FIRST}{name}"), parameters::data(first));
                state.insert(format!("{SECOND}{name}"), parameters::data(second));
            }
        }
        let updates = TensorData { dtype: DType::I64, shape: vec![parameters.len()], data: updates.into() };
        state.insert(UPDATES.to_owned(), updates);
        state
    }

    /// Restores the result of [`state`](Self::state) after `steps` steps. Other tensors in `state` are ignored.
    ///
    /// # Errors
    /// Data if it is the state of another model or optimiser, or counts more updates than steps.
    pub fn restore(&mut self, parameters: &[(String, Tensor)], steps: u64, state: &StateDict) -> Result<()> {
        let other = || {
            Error::data("the optimiser state of the snapshot does not fit this model")
                .next("remove it, or train from scratch with --restart")
        };
        let updates = state.get(UPDATES).filter(|u| u.dtype == DType::I64 && u.shape == [parameters.len()]);
        let updates = updates.ok_or_else(other)?.data.as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes));
        for (index, ((name, parameter), updates)) in parameters.iter().zip(updates).enumerate() {
            if updates == 0 {
                continue;
            }
            if updates > steps {
                return Err(Error::data(format!("the snapshot counts {updates} updates of {name} in {steps} steps"))
                    .next("remove it, or train from scratch with --restart"));
            }
            let part = |prefix: &str| {
                let part = state.get(&format!("{prefix}{name}")).ok_or_else(other)?;
                let part = parameters::tensor(part)?.to_device(parameter.device());
                if part.size() == parameter.size() { Ok(part) } else { Err(other()) }
            };
            let (first, second) = (part(FIRST)?, part(SECOND)?);
            match self {
                Self::Bert(bert) => bert.restore(index, first, second, updates),
                Self::Torch(torch) => {
                    let step = i32::try_from(updates).map_err(|_| other())?;
                    torch.states.resize_with(torch.states.len().max(index + 1), || None);
                    torch.states[index] = Some(TorchState { step, first, second });
                }
            }
        }
        Ok(())
    }
}

/// One of Adam, Adamax, RMSprop and SGD with the defaults of torch.optim (betas .9 and .999, eps 1e-8, alpha .99, no momentum, no
/// decay).
pub struct TorchOptimiser {
    choice: Optim,
    lr: f64,
    states: Vec<Option<TorchState>>,
}

struct TorchState {
    step: i32,
    first: Tensor,
    second: Tensor,
}

impl TorchState {
    fn parts(&self) -> (&Tensor, &Tensor, u64) {
        (&self.first, &self.second, u64::from(self.step.unsigned_abs()))
    }
}

impl TorchOptimiser {
    fn step(&mut self, parameters: &[Tensor], gradients: &[Tensor], scale: f64) -> f64 {
        const B1: f64 = 0.9;
        const B2: f64 = 0.999;
        const ALPHA: f64 = 0.99;
        const EPSILON: f64 = 1e-8;
        self.states.resize_with(parameters.len(), || None);
        tch::no_grad(|| {
            for ((parameter, gradient), state) in parameters.iter().zip(gradients).zip(&mut self.states) {
                if !gradient.defined() {
                    continue;
                }
                let g = gradient * scale;
                let state =
                    state.get_or_insert_with(|| TorchState { step: 0, first: g.zeros_like(), second: g.zeros_like() });
                state.step += 1;
                let update = match self.choice {
                    Optim::Adam => {
                        state.first = &state.first * B1 + &g * (1.0 - B1);
                        state.second = &state.second * B2 + g.square() * (1.0 - B2);
                        let root = state.second.sqrt() / (1.0 - B2.powi(state.step)).sqrt() + EPSILON;
                        &state.first / root / (1.0 - B1.powi(state.step))
                    }
                    Optim::Adamax => {
                        state.first = &state.first * B1 + &g * (1.0 - B1);
                        state.second = (&state.second * B2).maximum(&(g.abs() + EPSILON));
                        &state.first / &state.second / (1.0 - B1.powi(state.step))
                    }
                    Optim::Rms => {
                        state.second = &state.second * ALPHA + g.square() * (1.0 - ALPHA);
                        g / (state.second.sqrt() + EPSILON)
                    }
                    Optim::Sgd | Optim::Bert => g,
                };
                let _ = parameter.shallow_clone().g_sub_(&(update * self.lr));
            }
        });
        self.lr
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    /// Takes ten steps with every optimiser, interrupted after the fourth. A parameter without gradient stays without state.
    #[test]
    fn a_restored_optimiser_continues_bit_for_bit() {
        // Drawn only once, because other tests draw from the same generator at the same time.
        let first = ["a", "unused", "b"].map(|name| (name, Tensor::randn([3, 2], (Kind::Float, Device::Cpu))));
        let parameters = || first.each_ref().map(|(name, tensor)| (name.to_string(), tensor.copy()));
        let step = |optimiser: &mut Optimiser, parameters: &[(String, Tensor)], k: u32| {
            let tensors: Vec<Tensor> = parameters.iter().map(|(_, t)| t.shallow_clone()).collect();
            let gradient = |(i, t): (usize, &Tensor)| if i == 1 { Tensor::new() } else { t.sin() * f64::from(k) };
            let gradients: Vec<Tensor> = tensors.iter().enumerate().map(gradient).collect();
            optimiser.step(&tensors, &gradients, 0.5);
        };
        for choice in [Optim::Bert, Optim::Adam, Optim::Adamax, Optim::Rms, Optim::Sgd] {
            let new = || Optimiser::new(choice, BertAdamSettings::new(0.01, 0.1, Some(10)));
            let (mut whole, mut before, mut after) = (new(), new(), new());
            let (ours, theirs) = (parameters(), parameters());
            for k in 0..10 {
                step(&mut whole, &ours, k);
                if k < 4 {
                    step(&mut before, &theirs, k);
                    continue;
                }
                if k == 4 {
                    let state = before.state(&theirs);
                    assert!(!state.contains_key("optimiser.first.unused"));
                    assert!(new().restore(&theirs, 3, &state).is_err());
                    after.restore(&theirs, 4, &state).unwrap();
                }
                step(&mut after, &theirs, k);
            }
            for ((name, a), (_, b)) in ours.iter().zip(&theirs) {
                assert!(a.equal(b), "{choice:?} {name}");
            }
            assert!(new().restore(&ours[..1], 4, &before.state(&theirs)).is_err());
        }
    }
}
