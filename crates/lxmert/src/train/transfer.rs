//! Copies batches to a GPU without waiting for it: the thread that builds them puts them into pinned memory, which the GPU reads by
//! itself. So while one batch is computed on, the next is built and its copy is queued.

use tch::{Device, Tensor};

/// Returns a tensor in pinned memory if it is for a GPU. The thread that builds batches calls this.
pub(super) fn pinned(tensor: Tensor, device: Device) -> Tensor {
    // Tensors that are not needed are undefined.
    if device.is_cuda() && tensor.defined() { tensor.pin_memory(device) } else { tensor }
}

/// Returns a tensor on `device`. A copy from pinned memory is only queued; libtorch keeps the memory until it is done.
pub(super) fn to_device(tensor: Tensor, device: Device) -> Tensor {
    if device.is_cuda() && tensor.defined() { tensor.internal_to_copy((tensor.kind(), device), true) } else { tensor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_for_the_cpu_is_passed_on_as_it_is() {
        let tensor = Tensor::from_slice(&[1.0_f32, 2.0]);
        let data = tensor.data_ptr();
        let passed = to_device(pinned(tensor, Device::Cpu), Device::Cpu);
        assert_eq!(passed.data_ptr(), data);
        assert!(!to_device(pinned(Tensor::new(), Device::Cuda(0)), Device::Cuda(0)).defined());
    }

    #[test]
    fn a_tensor_for_a_gpu_is_pinned_and_arrives_whole() {
        torch_shim::cuda_library::load();
        if tch::Cuda::device_count() == 0 {
            println!("skipped: this machine has no GPU");
            return;
        }
        let gpu = Device::Cuda(0);
        let made = pinned(Tensor::from_slice(&[1_i64, 2, 3]), gpu);
        assert!(made.is_pinned(gpu));
        let copy = to_device(made, gpu);
        assert_eq!((copy.device(), Vec::<i64>::try_from(copy.to_device(Device::Cpu)).unwrap()), (gpu, vec![1, 2, 3]));
    }
}
