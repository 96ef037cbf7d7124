//! Gradients of a loss, and their norm.

use tch::{Kind, Tensor};

/// Gradients of a scalar loss by each parameter; undefined where the loss does not depend on the parameter.
/// Nothing is accumulated in the parameters, so there is nothing to zero.
pub fn gradients(loss: &Tensor, parameters: &[Tensor]) -> Vec<Tensor> {
    Tensor::run_backward(&[loss], parameters, false, false)
}

/// L2 norm over all defined gradients together.
pub fn norm(gradients: &[Tensor]) -> f64 {
    let norms: Vec<Tensor> = gradients.iter().filter(|g| g.defined()).map(|g| g.norm()).collect();
    if norms.is_empty() {
        return 0.0;
    }
    Tensor::stack(&norms, 0).to_kind(Kind::Double).norm().double_value(&[])
}

/// The factor that brings gradients of norm `norm` to at most `max` (`clip_grad_norm_` of torch: max / (norm + 1e-6), where below 1).
pub fn clip_factor(norm: f64, max: f64) -> f64 {
    (max / (norm + 1e-6)).min(1.0)
}
