//! Measures the memory that this process uses.

use std::sync::OnceLock;

use base::progress::Memory;
use tch::Device;
use torch_shim::gpu_memory;

static DEVICE: OnceLock<Device> = OnceLock::new();

/// Sets the device that the process computes on, once.
pub(crate) fn set_device(device: Device) {
    let _ = DEVICE.set(device);
}

/// Returns the memory in use now.
pub(crate) fn memory() -> Memory {
    Memory { resident: resident().unwrap_or(0), gpu: gpu().map(|usage| usage.reserved) }
}

/// Returns the largest number of bytes that were taken from the GPU; `None` on a CPU.
pub(crate) fn gpu_peak() -> Option<u64> {
    gpu().map(|usage| usage.peak_reserved)
}

fn gpu() -> Option<gpu_memory::GpuMemory> {
    match DEVICE.get() {
        Some(Device::Cuda(index)) => gpu_memory::usage(*index).ok(),
        _ => None,
    }
}

/// Returns the resident bytes that the kernel reports.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_some() {
        set_device(Device::Cpu);
        assert!(memory().resident > 1 << 20);
        assert_eq!((memory().gpu, gpu_peak()), (None, None));
    }
}
