//! The devices that workers of the native detector use.

use crate::extract::gpu_list::GpuChoice;
use crate::nvidia_smi;
use crate::placement::Placement;
use base::error::{Error, Result};

/// Returns the names of the devices that a choice of GPUs means: `cuda:0`, `cuda:1`, or `cpu` if none are wanted, or if there are none.
///
/// # Errors
/// Infra if this machine has GPUs that the worker cannot use, or a named one is missing.
pub fn devices(choice: &GpuChoice, placement: &Placement) -> Result<Vec<String>> {
    if *choice == GpuChoice::None {
        return Ok(vec!["cpu".to_owned()]);
    }
    let hello = placement.hello()?;
    match choice {
        GpuChoice::Some(numbers) => {
            let names: Vec<String> = numbers.iter().map(|number| format!("cuda:{number}")).collect();
            // Each is asked for, so that a missing one is named before the first image.
            names.iter().try_for_each(|name| placement.device(name).map(drop))?;
            Ok(names)
        }
        _ if hello.gpus > 0 => Ok((0..hello.gpus).map(|number| format!("cuda:{number}")).collect()),
        _ => {
            let listed = nvidia_smi::here().and_then(Result::ok).unwrap_or_default();
            match listed.first() {
                Some(gpu) if placement.image().is_none() => Err(unused(&gpu.name, hello.cuda)),
                _ => Ok(vec!["cpu".to_owned()]),
            }
        }
    }
}

/// The error for a GPU that nothing would be computed on.
fn unused(name: &str, cuda: bool) -> Error {
    let why = if cuda { "libtorch's CUDA finds no GPU" } else { "this program uses the libtorch for CPUs" };
    let set_up = if cuda { "look for the cause with repro doctor" } else { "run ci/setup --cuda and build it again" };
    Error::infra(format!("this machine has a GPU ({name}), but the detector cannot use it"))
        .because(why)
        .next(format!("{set_up}; or pass --gpus none to compute on the CPU, some 8 s an image on two cores"))
}
