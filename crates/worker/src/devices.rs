//! The devices that the worker can compute on, and the worker's identity.

use base::error::{Error, Result};
use base::versions;
use lxmert::train::machine::device_name;
use torch_shim::cuda_library::{self, CudaLibrary};

/// Returns the device of this name: cpu, cuda, cuda:N, or auto, which is a GPU if there is one.
///
/// # Errors
/// Infra if the device is missing; usage if the name is not valid.
pub(crate) fn device(name: &str) -> Result<tch::Device> {
    let gpus = tch::Cuda::device_count();
    let gpu = |index: usize| {
        if (index as i64) < gpus { Ok(tch::Device::Cuda(index)) } else { Err(no_gpu(name, index, gpus)) }
    };
    match name {
        "cpu" => Ok(tch::Device::Cpu),
        "auto" if gpus > 0 => Ok(tch::Device::Cuda(0)),
        "auto" => Ok(tch::Device::Cpu),
        "cuda" => gpu(0),
        other => match other.strip_prefix("cuda:").and_then(|n| n.parse().ok()) {
            Some(index) => gpu(index),
            None => Err(Error::usage(format!("unknown device {other:?}")).next("use cpu, cuda, cuda:N or auto")),
        },
    }
}

/// Explains why GPU `index`, which `--device name` asks for, cannot be used.
fn no_gpu(name: &str, index: usize, gpus: i64) -> Error {
    let check = "check the GPU and its driver with repro doctor, or use --device cpu";
    match cuda_library::load() {
        CudaLibrary::Loaded => {
            let seen = if gpus == 1 { "1 GPU".to_owned() } else { format!("{gpus} GPUs") };
            Error::infra(format!("--device {name}: there is no GPU {index}"))
                .because(format!("libtorch has CUDA and sees {seen}"))
                .next(check)
        }
        CudaLibrary::Failed(why) => {
            Error::infra(format!("--device {name}: libtorch's CUDA library cannot be loaded")).because(why).next(check)
        }
        CudaLibrary::Absent => Error::infra(format!("--device {name}: this program uses the libtorch for CPUs")).next(
            "run ci/setup --cuda in the folder of its source and build it again (for an image: repro images build train \
             --build-arg LIBTORCH=cuda), or use --device cpu",
        ),
    }
}

/// Returns all devices.
pub(crate) fn all() -> Vec<protocol::Device> {
    let gpus = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
    let devices = std::iter::once(tch::Device::Cpu).chain((0..gpus).map(tch::Device::Cuda));
    devices.map(described_device).collect()
}

/// Returns a device with the description of its hardware.
pub(crate) fn described_device(device: tch::Device) -> protocol::Device {
    let name = match device {
        tch::Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    };
    protocol::Device { name, described: device_name(device) }
}

/// SHA-256 over the source that this worker was built from.
pub(crate) const SOURCE: &str = env!("REPRO_WORKER_SOURCE");

/// Returns the identity of this worker.
pub(crate) fn hello() -> protocol::Hello {
    protocol::Hello {
        schema: protocol::SCHEMA,
        source: SOURCE.to_owned(),
        program: versions::PROGRAM.to_owned(),
        commit: versions::commit().map(str::to_owned),
        versions: lxmert::libtorch::versions(),
        cuda: tch::utils::has_cudart(),
        cuda_problem: match cuda_library::load() {
            CudaLibrary::Failed(why) => Some(why.clone()),
            CudaLibrary::Loaded | CudaLibrary::Absent => None,
        },
        gpus: usize::try_from(tch::Cuda::device_count()).unwrap_or(0),
    }
}
