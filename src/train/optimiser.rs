//! The optimisers that `--optim` names: BertAdam, and torch's own at its defaults with only the learning rate set
//! (src/param.py and src/tasks/*.py @ 0db1182).

use tch::Tensor;

use super::bert_adam::{BertAdam, Settings};

/// Choices of `--optim`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Optim {
    /// BertAdam with linear warm-up and decay.
    Bert,
    /// torch.optim.Adam.
    Adam,
    /// torch.optim.Adamax.
    Adamax,
    /// torch.optim.RMSprop.
    Rms,
    /// torch.optim.SGD.
    Sgd,
}

/// An optimiser with its state.
pub enum Optimiser {
    /// BertAdam.
    Bert(BertAdam),
    /// One of torch's, at a constant learning rate.
    Torch(TorchRule),
}

impl Optimiser {
    /// `settings` beyond the learning rate matter for BertAdam only.
    pub fn new(choice: Optim, settings: Settings) -> Self {
        match choice {
            Optim::Bert => Self::Bert(BertAdam::new(settings)),
            other => Self::Torch(TorchRule { choice: other, lr: settings.lr, states: Vec::new() }),
        }
    }

    /// Updates every parameter whose gradient is defined with `gradient · scale`; returns the learning rate used.
    pub fn step(&mut self, parameters: &[Tensor], gradients: &[Tensor], scale: f64) -> f64 {
        match self {
            Self::Bert(bert) => bert.step(parameters, gradients, scale),
            Self::Torch(rule) => rule.step(parameters, gradients, scale),
        }
    }
}

/// Adam, Adamax, RMSprop or SGD with the defaults of torch.optim (betas .9 and .999, eps 1e-8, alpha .99, no momentum, no decay).
pub struct TorchRule {
    choice: Optim,
    lr: f64,
    states: Vec<Option<State>>,
}

struct State {
    step: i32,
    first: Tensor,
    second: Tensor,
}

impl TorchRule {
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
                    state.get_or_insert_with(|| State { step: 0, first: g.zeros_like(), second: g.zeros_like() });
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
