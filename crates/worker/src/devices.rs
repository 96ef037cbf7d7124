//! What the worker can compute on.

use base::error::{Error, Result};
use base::versions;
use lxmert::train::machine::device_name;

/// Returns what libtorch calls a device of this name: cpu, cuda, cuda:N, or auto, which takes a GPU where there is one.
///
/// # Errors
/// Infra where there is none such; usage for a name that is none.
pub(crate) fn device(name: &str) -> Result<tch::Device> {
    let gpus = tch::Cuda::device_count();
    let gpu = |index: usize| match (index as i64) < gpus {
        true => Ok(tch::Device::Cuda(index)),
        false if tch::utils::has_cudart() => {
            let seen = if gpus == 1 { "1 GPU".to_owned() } else { format!("{gpus} GPUs") };
            Err(Error::infra(format!("--device {name}: there is no GPU {index}"))
                .because(format!("libtorch has CUDA and sees {seen}"))
                .next("see what repro doctor says of the GPU and its driver, or use --device cpu"))
        }
        false => Err(Error::infra(format!("--device {name}: this program was built with the libtorch for CPUs")).next(
            "run ci/setup --cuda in the folder of its source and build it again (an image: repro images build train \
                 --build-arg LIBTORCH=cuda), or use --device cpu",
        )),
    };
    match name {
        "cpu" => Ok(tch::Device::Cpu),
        "auto" if gpus > 0 => Ok(tch::Device::Cuda(0)),
        "auto" => Ok(tch::Device::Cpu),
        "cuda" => gpu(0),
        other => match other.strip_prefix("cuda:").and_then(|n| n.parse().ok()) {
            Some(index) => gpu(index),
            None => Err(Error::usage(format!("there is no device {other:?}")).next("use cpu, cuda, cuda:N or auto")),
        },
    }
}

/// All devices.
pub(crate) fn all() -> Vec<protocol::Device> {
    let gpus = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
    let devices = std::iter::once(tch::Device::Cpu).chain((0..gpus).map(tch::Device::Cuda));
    devices.map(told).collect()
}

/// A device as the harness hears of it.
pub(crate) fn told(device: tch::Device) -> protocol::Device {
    let name = match device {
        tch::Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    };
    protocol::Device { name, described: device_name(device) }
}

/// Digest over the source that this worker was built from.
pub(crate) const SOURCE: &str = env!("REPRO_WORKER_SOURCE");

/// Who this worker is.
pub(crate) fn hello() -> protocol::Hello {
    protocol::Hello {
        schema: protocol::SCHEMA,
        source: SOURCE.to_owned(),
        program: versions::PROGRAM.to_owned(),
        commit: versions::commit().map(str::to_owned),
        versions: lxmert::libtorch::versions(),
        cuda: tch::utils::has_cudart(),
        gpus: usize::try_from(tch::Cuda::device_count()).unwrap_or(0),
    }
}
