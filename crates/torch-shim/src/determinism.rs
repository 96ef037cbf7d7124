//! Makes libtorch choose deterministic algorithms, and lists the operations for which it has none.

use std::ptr::null_mut;

use base::error::Result;

use crate::ffi::{shim_nondeterministic, shim_set_deterministic, taken};

/// Makes libtorch and cuDNN choose deterministic algorithms, or no longer.
///
/// cuBLAS is deterministic only if `CUBLAS_WORKSPACE_CONFIG` was set before the program started. Operations without a deterministic
/// algorithm are computed all the same; [`nondeterministic_operations`] lists those that the calling thread used, with their
/// gradients.
///
/// # Errors
/// Infra if libtorch refuses.
pub fn set_deterministic(on: bool) -> Result<()> {
    shim_set_deterministic(on).check("choose deterministic algorithms")
}

/// Returns the operations that were computed without a deterministic algorithm since [`set_deterministic`], sorted. If there is none,
/// the same computation on the same GPU gives the same bits.
///
/// # Errors
/// Infra if libtorch refuses.
pub fn nondeterministic_operations() -> Result<Vec<String>> {
    let mut names = null_mut();
    // SAFETY: the shim writes a C string that belongs to the caller.
    unsafe {
        shim_nondeterministic(&raw mut names).check("list its operations")?;
        Ok(taken(names).lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;

    #[test]
    fn an_operation_without_a_deterministic_algorithm_is_listed() {
        set_deterministic(true).unwrap();
        let sum = Tensor::ones([2, 3], (Kind::Float, tch::Device::Cpu))
            .matmul(&Tensor::ones([3, 2], (Kind::Float, tch::Device::Cpu)));
        assert_eq!((sum.double_value(&[1, 1]), nondeterministic_operations().unwrap()), (3.0, Vec::<String>::new()));
        let mut tensor = Tensor::zeros([3], (Kind::Float, tch::Device::Cpu));
        let _ = tensor.put_(&Tensor::from_slice(&[1_i64]), &Tensor::from_slice(&[5.0_f32]), false);
        assert_eq!(tensor.double_value(&[1]), 5.0);
        assert_eq!(nondeterministic_operations().unwrap(), ["put_"]);
        set_deterministic(false).unwrap();
    }
}
