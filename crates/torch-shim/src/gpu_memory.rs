//! Measures and frees the memory that libtorch uses on a GPU.

use base::error::Result;

use crate::ffi::{shim_empty_gpu_cache, shim_gpu_memory, shim_reset_gpu_peak};

/// The memory that libtorch's allocator uses on a GPU, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GpuMemory {
    /// In tensors now.
    pub allocated: u64,
    /// In tensors at most, since the last [`reset_peak`].
    pub peak_allocated: u64,
    /// Taken from the GPU now, with what is kept for later tensors.
    pub reserved: u64,
    /// Taken from the GPU at most, since the last [`reset_peak`].
    pub peak_reserved: u64,
}

/// Returns the memory in use on GPU `index`, on which something has been computed.
///
/// # Errors
/// Infra if libtorch has no such GPU.
pub fn usage(index: usize) -> Result<GpuMemory> {
    let mut bytes = [0; 4];
    // SAFETY: the shim writes four numbers.
    unsafe { shim_gpu_memory(number(index), bytes.as_mut_ptr()) }.check("measure the memory of the GPU")?;
    let [allocated, peak_allocated, reserved, peak_reserved] = bytes;
    Ok(GpuMemory { allocated, peak_allocated, reserved, peak_reserved })
}

/// Makes the peaks those from now on.
///
/// # Errors
/// Infra if libtorch has no such GPU.
pub fn reset_peak(index: usize) -> Result<()> {
    shim_reset_gpu_peak(number(index)).check("reset the peak of the GPU's memory")
}

/// Returns the memory that is kept for later tensors to all GPUs.
///
/// # Errors
/// Infra if libtorch has no CUDA.
pub fn empty_cache() -> Result<()> {
    shim_empty_gpu_cache().check("free the memory of the GPU")
}

fn number(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_gpu_there_is_an_error() {
        crate::cuda_library::load();
        if tch::Cuda::device_count() == 0 {
            let errors = [usage(0).err(), reset_peak(0).err()];
            assert!(
                errors.iter().all(|error| error.as_ref().is_some_and(|e| e.to_string().contains("libtorch cannot"))),
                "{errors:?}"
            );
        }
    }
}
