//! The smallest layers: linear maps, layer norm, and the context of a forward pass.

use std::cell::RefCell;

use tch::Tensor;

use super::parameters::ParameterScope;

/// Epsilon of every layer norm (BertLayerNorm, src/lxrt/modeling.py @ 0db1182).
const LAYER_NORM_EPS: f64 = 1e-12;

/// The context of a forward pass: whether dropout is on, and where outputs of inner modules are collected.
#[derive(Default, Clone, Copy)]
pub struct ForwardContext<'a> {
    /// Whether dropout is on.
    pub train: bool,
    /// Collects `(module name, output)` if set.
    pub taps: Option<&'a RefCell<Vec<(String, Tensor)>>>,
}

impl ForwardContext<'_> {
    /// A training pass: dropout is on.
    pub const TRAIN: ForwardContext<'static> = ForwardContext { train: true, taps: None };
    /// An evaluation pass: dropout is off.
    pub const EVAL: ForwardContext<'static> = ForwardContext { train: false, taps: None };

    pub(super) fn dropout(&self, x: Tensor, p: f64) -> Tensor {
        if self.train && p > 0.0 { x.dropout(p, true) } else { x }
    }

    pub(super) fn tap(&self, name: impl FnOnce() -> String, output: &Tensor) {
        if let Some(taps) = self.taps {
            taps.borrow_mut().push((name(), output.shallow_clone()));
        }
    }
}

/// A linear map: y = x·Wᵀ + b.
pub struct Linear {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

impl Linear {
    /// Registers `weight` (out, inp) and `bias` (out).
    pub fn new(at: &ParameterScope, inp: usize, out: usize) -> Self {
        Self { weight: at.normal("weight", &[out, inp]), bias: at.filled("bias", &[out], 0.0) }
    }

    /// Maps x (..., inp) to (..., out).
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, Some(&self.bias))
    }
}

/// Layer norm over the last dimension, epsilon 1e-12.
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    width: i64,
}

impl LayerNorm {
    /// Registers `weight` and `bias` of the given width.
    pub fn new(at: &ParameterScope, width: usize) -> Self {
        Self { weight: at.filled("weight", &[width], 1.0), bias: at.filled("bias", &[width], 0.0), width: width as i64 }
    }

    /// Normalises x (..., width); the result has the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.layer_norm([self.width], Some(&self.weight), Some(&self.bias), LAYER_NORM_EPS, false)
    }
}

/// An output block: a linear map, dropout, then layer norm of the sum with a residual
/// (BertAttOutput and BertOutput, src/lxrt/modeling.py @ 0db1182).
pub struct ResidualOutput {
    pub(super) dense: Linear,
    pub(super) norm: LayerNorm,
    dropout: f64,
}

impl ResidualOutput {
    /// Registers `dense` (hidden, inp) and `LayerNorm`.
    pub fn new(at: &ParameterScope, inp: usize, hidden: usize, dropout: f64) -> Self {
        Self {
            dense: Linear::new(&at.sub("dense"), inp, hidden),
            norm: LayerNorm::new(&at.sub("LayerNorm"), hidden),
            dropout,
        }
    }

    /// Maps x (..., inp) and the residual (..., hidden) to (..., hidden).
    pub fn forward(&self, x: &Tensor, residual: &Tensor, pass: ForwardContext) -> Tensor {
        self.norm.forward(&(pass.dropout(self.dense.forward(x), self.dropout) + residual))
    }
}

/// The transform before a prediction head: a linear map, gelu, layer norm
/// (BertPredictionHeadTransform, src/lxrt/modeling.py @ 0db1182).
pub struct HeadTransform {
    dense: Linear,
    norm: LayerNorm,
}

impl HeadTransform {
    /// Registers `dense` (hidden, hidden) and `LayerNorm`.
    pub fn new(at: &ParameterScope, hidden: usize) -> Self {
        Self {
            dense: Linear::new(&at.sub("dense"), hidden, hidden),
            norm: LayerNorm::new(&at.sub("LayerNorm"), hidden),
        }
    }

    /// Transforms x (..., hidden); the result has the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.norm.forward(&gelu(&self.dense.forward(x)))
    }
}

/// Returns gelu of x in its exact (erf) form.
pub fn gelu(x: &Tensor) -> Tensor {
    x.gelu("none")
}
