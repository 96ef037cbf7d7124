//! Reads and restores the state of libtorch's random number generators.

use std::ptr::null_mut;

use base::error::Result;
use tch::{Device, Tensor};

use crate::ffi::{number, shim_generator_state, shim_set_generator_state};

/// Returns the state of a device's default generator: bytes (N) on the CPU, whose length depends on the kind of device.
///
/// # Errors
/// Infra if libtorch has no such device.
pub fn state(device: Device) -> Result<Tensor> {
    let mut state = null_mut();
    // SAFETY: the shim writes a tensor that belongs to the caller.
    unsafe {
        shim_generator_state(number(device), &raw mut state).check("read the state of its generator")?;
        Ok(Tensor::from_ptr(state))
    }
}

/// Restores a state that [`state`] returned for a device of the same kind.
///
/// # Errors
/// Infra if libtorch has no such device, or the state is not one of its generators'.
pub fn restore(device: Device, state: &Tensor) -> Result<()> {
    // SAFETY: the shim only reads the tensor.
    unsafe { shim_set_generator_state(number(device), state.as_ptr()) }.check("restore the state of its generator")
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn a_restored_generator_draws_the_same_numbers_again() {
        let cpu = Device::Cpu;
        let draw = || Tensor::rand([5], (Kind::Float, cpu));
        let before = state(cpu).unwrap();
        let (first, second) = (draw(), draw());
        assert_ne!(first, second);
        restore(cpu, &before).unwrap();
        assert_eq!((draw(), draw()), (first, second));
        let error = restore(cpu, &Tensor::from_slice(&[1_u8, 2])).unwrap_err().to_string();
        assert!(error.contains("restore the state of its generator"), "{error}");
    }
}
