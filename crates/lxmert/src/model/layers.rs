//! The smallest parts: linear maps, layer norm, and what a forward pass carries along.

use std::cell::RefCell;

use tch::Tensor;

use super::parameters::Scope;

/// Epsilon of every layer norm (BertLayerNorm, src/lxrt/modeling.py @ 0db1182).
const LAYER_NORM_EPS: f64 = 1e-12;

/// What a forward pass carries along: whether dropout is on, and who wants to see what the modules put out.
#[derive(Default, Clone, Copy)]
pub struct Pass<'a> {
    /// Dropout on.
    pub train: bool,
    /// Collects `(module name, output)` where set.
    pub taps: Option<&'a RefCell<Vec<(String, Tensor)>>>,
}

impl Pass<'_> {
    /// A pass with dropout on.
    pub const TRAIN: Pass<'static> = Pass { train: true, taps: None };
    /// A pass with dropout off.
    pub const EVAL: Pass<'static> = Pass { train: false, taps: None };

    pub(super) fn dropout(&self, x: Tensor, p: f64) -> Tensor {
        if self.train && p > 0.0 { x.dropout(p, true) } else { x }
    }

    pub(super) fn tap(&self, name: impl FnOnce() -> String, output: &Tensor) {
        if let Some(taps) = self.taps {
            taps.borrow_mut().push((name(), output.shallow_clone()));
        }
    }
}

/// y = x·Wᵀ + b.
pub struct Linear {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

impl Linear {
    /// Registers `weight` (out, inp) and `bias` (out).
    pub fn new(at: &Scope, inp: usize, out: usize) -> Self {
        Self { weight: at.normal("weight", &[out, inp]), bias: at.filled("bias", &[out], 0.0) }
    }

    /// (..., inp) to (..., out).
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
    pub fn new(at: &Scope, width: usize) -> Self {
        Self { weight: at.filled("weight", &[width], 1.0), bias: at.filled("bias", &[width], 0.0), width: width as i64 }
    }

    /// Keeps the shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.layer_norm([self.width], Some(&self.weight), Some(&self.bias), LAYER_NORM_EPS, false)
    }
}

/// Dense, then dropout, then layer norm of the sum with a residual
/// (BertAttOutput and BertOutput, src/lxrt/modeling.py @ 0db1182).
pub struct ResidualOutput {
    pub(super) dense: Linear,
    pub(super) norm: LayerNorm,
    dropout: f64,
}

impl ResidualOutput {
    /// Registers `dense` (hidden, inp) and `LayerNorm`.
    pub fn new(at: &Scope, inp: usize, hidden: usize, dropout: f64) -> Self {
        Self {
            dense: Linear::new(&at.sub("dense"), inp, hidden),
            norm: LayerNorm::new(&at.sub("LayerNorm"), hidden),
            dropout,
        }
    }

    /// x (..., inp) and residual (..., hidden) to (..., hidden).
    pub fn forward(&self, x: &Tensor, residual: &Tensor, pass: Pass) -> Tensor {
        self.norm.forward(&(pass.dropout(self.dense.forward(x), self.dropout) + residual))
    }
}

/// Dense, gelu, layer norm: the transform before a prediction head
/// (BertPredictionHeadTransform, src/lxrt/modeling.py @ 0db1182).
pub struct HeadTransform {
    dense: Linear,
    norm: LayerNorm,
}

impl HeadTransform {
    /// Registers `dense` (hidden, hidden) and `LayerNorm`.
    pub fn new(at: &Scope, hidden: usize) -> Self {
        Self {
            dense: Linear::new(&at.sub("dense"), hidden, hidden),
            norm: LayerNorm::new(&at.sub("LayerNorm"), hidden),
        }
    }

    /// Keeps the shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.norm.forward(&gelu(&self.dense.forward(x)))
    }
}

/// The exact (erf) form of gelu.
pub fn gelu(x: &Tensor) -> Tensor {
    x.gelu("none")
}
