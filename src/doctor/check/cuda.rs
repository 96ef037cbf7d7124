//! The requirements of CUDA, and whether this machine's GPUs meet them.

use super::purposes::COMPUTING;
use super::words::gpus;
use crate::doctor::finding::Finding;
use crate::doctor::machine::{GpuParts, Machine, PackageManager, System, WorkerState};
use crate::nvidia_smi::ListedGpu;

/// CUDA version of the libtorch that `ci/setup --cuda` fetches.
pub(super) const CUDA: &str = "13.0";
/// Oldest driver that supports it.
pub(super) const CUDA_DRIVER: u32 = 580;
/// Lowest compute capability that it supports.
const LEAST_CAPABILITY: (u32, u32) = (7, 5);
/// An older CUDA with a libtorch of the same version, and the compute capabilities that this libtorch supports (PyTorch's
/// RELEASE.md for 2.11: Maxwell 5.0 to Hopper 9.0).
const OLDER_CUDA: &str = "12.6";
const OLDER_PACKAGE: &str = "torch 2.11.0+cu126";
const OLDER_CAPABILITIES: [(u32, u32); 2] = [(5, 0), (9, 0)];
/// Commands that build both programs with a libtorch that is already there, and check again.
const BUILD_GIVEN: [&str; 3] =
    ["LIBTORCH=DIR ci/setup", "cargo build --release", "target/release/repro doctor --for train"];

/// Whether [`CUDA`] can compute on this machine, whatever the worker was built with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CudaFitness<'a> {
    /// There is no NVIDIA GPU.
    NoGpu,
    /// There are GPUs, but no driver.
    NoDriver(usize),
    /// There is a driver, but no GPU is known to work with it.
    NotListed,
    /// The driver is too old.
    DriverTooOld(&'a str),
    /// Every GPU is too old; this is the first.
    GpuTooOld(&'a ListedGpu, (u32, u32)),
    /// This GPU can be used.
    Usable(&'a ListedGpu),
}

/// Returns whether CUDA can compute with these GPUs. The first GPU that can be used decides. What nvidia-smi does not report is taken
/// to be good.
pub(super) fn fitness(gpu: &GpuParts) -> CudaFitness<'_> {
    let listed = match &gpu.listed {
        Some(Ok(listed)) => listed.as_slice(),
        _ => &[],
    };
    match (&gpu.driver, gpu.devices) {
        (None, 0) => return CudaFitness::NoGpu,
        (None, count) => return CudaFitness::NoDriver(count),
        (Some(driver), _) if major(driver).is_some_and(|major| major < CUDA_DRIVER) => {
            return CudaFitness::DriverTooOld(driver);
        }
        _ => {}
    }
    let too_old = |gpu: &ListedGpu| gpu.capability.filter(|capability| *capability < LEAST_CAPABILITY);
    match listed {
        [] => CudaFitness::NotListed,
        [first, ..] => match listed.iter().find(|gpu| too_old(gpu).is_none()) {
            Some(usable) => CudaFitness::Usable(usable),
            None => CudaFitness::GpuTooOld(first, first.capability.unwrap_or_default()),
        },
    }
}

/// Returns the first number of a driver's version.
fn major(driver: &str) -> Option<u32> {
    driver.split('.').next()?.parse().ok()
}

/// `7.5`.
pub(super) fn dotted((major, minor): (u32, u32)) -> String {
    format!("{major}.{minor}")
}

/// Returns the command that installs NVIDIA's driver.
pub(super) fn install_driver(system: &System) -> Option<String> {
    match system.packages {
        PackageManager::Dnf => system.install("", "akmod-nvidia"),
        _ if system.has("ubuntu-drivers") => Some(system.sudo("ubuntu-drivers install")),
        _ => system.install("nvidia-driver", ""),
    }
}

/// Checks whether CUDA can compute on this machine's GPUs: the driver must be new enough, and a GPU.
pub(super) fn cuda(machine: &Machine) -> Finding {
    let name = "CUDA";
    let limitation = |found: String, advice: String| Finding::limitation(name, found, COMPUTING, advice);
    let older = format!("a libtorch 2.11.0 for CUDA {OLDER_CUDA}, such as the folder of Python's {OLDER_PACKAGE}");
    let sees = match &machine.worker {
        WorkerState::Fits(torch) => torch.gpus,
        _ => 0,
    };
    match fitness(&machine.gpu) {
        CudaFitness::NoGpu => Finding::untried(name, "not checked: there is no GPU"),
        CudaFitness::NoDriver(_) => Finding::untried(name, "not checked: there is no driver"),
        CudaFitness::NotListed => Finding::untried(name, "not checked: nvidia-smi lists no GPU"),
        CudaFitness::Usable(gpu) => {
            let capability =
                gpu.capability.map_or_else(String::new, |found| format!(", compute capability {}", dotted(found)));
            Finding::fine(name, format!("CUDA {CUDA} can use GPU {}: {}{capability}", gpu.index, gpu.name))
        }
        // A worker that sees a GPU has a libtorch for an older CUDA.
        CudaFitness::DriverTooOld(driver) if sees > 0 => {
            Finding::fine(name, format!("the worker's libtorch works with driver {driver}: it sees {}", gpus(sees)))
        }
        CudaFitness::DriverTooOld(driver) => limitation(
            format!("driver {driver} is too old: CUDA {CUDA} needs {CUDA_DRIVER} or newer"),
            format!("training uses the CPU until the driver is updated to {CUDA_DRIVER} or newer; then reboot:"),
        )
        .run(install_driver(&machine.system)),
        CudaFitness::GpuTooOld(gpu, capability) => {
            let found = format!(
                "GPU {}, {}, is too old: its compute capability is {}, and CUDA {CUDA} supports none below {}",
                gpu.index,
                gpu.name,
                dotted(capability),
                dotted(LEAST_CAPABILITY)
            );
            let [oldest, newest] = OLDER_CAPABILITIES;
            if capability < oldest {
                return limitation(found, "training uses the CPU: no libtorch 2.11.0 supports this GPU".to_owned());
            }
            let supports = format!("{older}, supports {} to {}", dotted(oldest), dotted(newest));
            if sees > 0 {
                // Both kinds of libtorch see it, but only one computes.
                let advice = format!("only {supports}. If the worker was built with that, this computes:");
                return limitation(found, advice).run(["repro bench train --model tiny --device cuda --steps 1"]);
            }
            limitation(found, format!("training uses the CPU; {supports}. In the source folder:")).run(BUILD_GIVEN)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::machine::GpuProbe;

    fn parts(driver: Option<&str>, devices: usize, capabilities: &[Option<(u32, u32)>]) -> GpuParts {
        let listed = capabilities.iter().zip(0..).map(|(capability, index)| ListedGpu {
            index,
            name: format!("GPU of test {index}"),
            driver: driver.map(str::to_owned),
            capability: *capability,
        });
        GpuParts {
            devices,
            driver: driver.map(str::to_owned),
            listed: Some(Ok(listed.collect())),
            visible: None,
            cdi: Vec::new(),
            probe: GpuProbe::Untried("no engine answers"),
        }
    }

    #[test]
    fn the_first_gpu_that_can_be_used_decides() {
        let good = Some("580.65.06");
        let index = |parts: &GpuParts| match fitness(parts) {
            CudaFitness::Usable(gpu) => Some(gpu.index),
            _ => None,
        };
        assert_eq!(index(&parts(good, 2, &[Some((6, 1)), Some((7, 5))])), Some(1));
        assert_eq!(index(&parts(good, 1, &[Some((12, 0))])), Some(0));
        // Unknown is not too old.
        assert_eq!(index(&parts(good, 1, &[None])), Some(0));
        assert_eq!(index(&parts(Some("odd"), 0, &[Some((9, 0))])), Some(0));
        assert_eq!(fitness(&parts(Some("579.99"), 1, &[Some((9, 0))])), CudaFitness::DriverTooOld("579.99"));
        assert_eq!(fitness(&parts(good, 1, &[])), CudaFitness::NotListed);
        assert_eq!(fitness(&parts(None, 0, &[])), CudaFitness::NoGpu);
        assert_eq!(fitness(&parts(None, 3, &[])), CudaFitness::NoDriver(3));
        let old = parts(good, 2, &[Some((6, 1)), Some((7, 0))]);
        assert!(matches!(fitness(&old), CudaFitness::GpuTooOld(gpu, (6, 1)) if gpu.index == 0));
    }
}
