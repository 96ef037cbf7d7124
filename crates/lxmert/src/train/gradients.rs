//! The gradients of a loss, their norm, and the factor that clips them.

use tch::{Kind, Tensor};

/// Returns the gradient of a scalar loss by each parameter; undefined if the loss does not depend on the parameter. Nothing is
/// accumulated in the parameters, so nothing needs to be zeroed.
pub fn gradients(loss: &Tensor, parameters: &[Tensor]) -> Vec<Tensor> {
    Tensor::run_backward(&[loss], parameters, false, false)
}

/// Returns the L2 norm over all defined gradients together.
pub fn norm(gradients: &[Tensor]) -> f64 {
    let norms: Vec<Tensor> = gradients.iter().filter(|g| g.defined()).map(|g| g.norm()).collect();
    if norms.is_empty() {
        return 0.0;
    }
    Tensor::stack(&norms, 0).to_kind(Kind::Double).norm().double_value(&[])
}

/// Returns the factor that scales gradients of norm `norm` to at most `max`, as torch's `clip_grad_norm_` does:
/// max / (norm + 1e-6), but at most 1.
pub fn clip_factor(norm: f64, max: f64) -> f64 {
    (max / (norm + 1e-6)).min(1.0)
}
