//! Checks of the machine itself.

use super::cuda::{CUDA, CUDA_DRIVER, CudaFitness, fitness};
use super::words::gpus;
use crate::doctor::finding::{COMPUTING_HERE, Finding, Purpose};
use crate::doctor::machine::{Machine, Torch, WorkerState};
use base::clock::{day, rfc3339};
use base::format::human_bytes;

/// Peak memory of a training step of lxr955 at batch 32 on the CPU, measured with `repro bench train`.
const TRAINING_MEMORY: u64 = 5_300_000_000;
/// Memory for the system and files in use.
const BESIDE: u64 = 1_000_000_000;
/// Disk space for the smallest task (NLVR2) while it is prepared: 25 GB fetched, 54 GB unpacked, 41 GB of stores.
const SMALLEST_TASK: u64 = 120_000_000_000;
/// Minimum free space: the demo and its report.
const LEAST_DISK: u64 = 1_000_000_000;
/// Docker's default for containers; less than that is a deliberate limit.
const USUAL_SHM: u64 = 64 << 20;
/// Commands that build both programs and check again.
const BUILD: [&str; 3] = ["ci/setup", "cargo build --release", "target/release/repro doctor"];
/// The purpose that a GPU matters for on this machine itself; the demo uses the CPU.
const TRAINING: &[Purpose] = &[Purpose::Train];
const DAY: u64 = 24 * 3600;

pub(super) fn processor(machine: &Machine) -> Finding {
    let processor = &machine.processor;
    let cores = if processor.cores == 1 { "1 core".to_owned() } else { format!("{} cores", processor.cores) };
    let model = &processor.model;
    match &processor.features {
        None => Finding::fine("processor", format!("{model}, {cores}")),
        Some(features) if features.contains(&"AVX2") => {
            Finding::fine("processor", format!("{model}, {cores}; {}", features.join(", ")))
        }
        Some(_) => Finding::limitation(
            "processor",
            format!("{model}, {cores}; no AVX2"),
            &Purpose::ALL,
            "everything works, but computes many times slower; a virtual machine may hide features of its processor",
        ),
    }
}

pub(super) fn memory(machine: &Machine) -> Finding {
    let (Some(total), Some(available)) = (machine.memory.total, machine.memory.available) else {
        return Finding::untried("memory", "unknown: the system does not report it");
    };
    let available = available.min(total);
    let found = format!("{}, {} available", human_bytes(total), human_bytes(available));
    let need = human_bytes(TRAINING_MEMORY);
    if total < TRAINING_MEMORY + BESIDE {
        let advice = format!("training at the paper's size takes {need} on the CPU; the demo takes less");
        Finding::problem("memory", found, &[Purpose::Train], advice)
    } else if available < TRAINING_MEMORY + BESIDE {
        let advice =
            format!("training at the paper's size takes {need} on the CPU; end the programs that use the memory");
        Finding::limitation("memory", found, &[Purpose::Train, Purpose::Docker], advice)
            .run(["ps -eo rss,pid,args --sort=-rss | head"])
    } else {
        Finding::fine("memory", found)
    }
}

pub(super) fn disk(machine: &Machine) -> Finding {
    let (folder, free) = &machine.workspace;
    let folder = folder.display();
    let Some(free) = *free else {
        return Finding::untried(
            "disk",
            format!("unknown: the file system of {folder} does not report its free space"),
        );
    };
    let found = format!("{} free for {folder}", human_bytes(free));
    let need = human_bytes(SMALLEST_TASK);
    if free < LEAST_DISK {
        let advice = "free some space, or choose a different workspace with --workspace DIR";
        Finding::problem("disk", found, &Purpose::ALL, advice)
    } else if free < SMALLEST_TASK {
        let advice = format!(
            "enough for the demo; the smallest task (NLVR2) takes {need} in all. This lists what is still missing:"
        );
        Finding::limitation("disk", found, super::purposes::LARGE, advice).run(["repro fetch --task nlvr2 --dry-run"])
    } else {
        Finding::fine("disk", found)
    }
}

pub(super) fn locks(machine: &Machine) -> Finding {
    let folder = machine.workspace.0.display();
    match &machine.locks {
        Some(Ok(())) => Finding::fine("locks", format!("files can be locked in {folder}")),
        Some(Err(why)) => Finding::limitation(
            "locks",
            format!("the file system of {folder} does not support them: {why}"),
            &Purpose::ALL,
            "everything works, but a second run in the same folder is not detected: start one at a time, or put the workspace on a \
             local disk with --workspace DIR",
        ),
        None => Finding::untried("locks", format!("not checked: no file can be created in {folder}")),
    }
}

pub(super) fn shm(machine: &Machine) -> Finding {
    let name = "/dev/shm";
    match machine.shm {
        Some(size) if size >= USUAL_SHM => Finding::fine(name, human_bytes(size)),
        Some(size) => {
            let advice =
                "programs that share memory between processes may fail; containers of this program have their own";
            let command = machine.system.sudo("mount -o remount,size=1G /dev/shm");
            Finding::limitation(name, human_bytes(size), super::purposes::CONTAINERS, advice).run([command])
        }
        None => {
            let advice = "programs that share memory between processes fail; containers of this program have their own";
            let command = machine.system.sudo("mount -t tmpfs -o nosuid,nodev,size=1G tmpfs /dev/shm");
            Finding::limitation(name, "missing", super::purposes::CONTAINERS, advice).run([command])
        }
    }
}

pub(super) fn clock(machine: &Machine) -> Finding {
    let now = rfc3339(machine.now);
    let found = format!("{} UTC", now.trim_end_matches('Z').replace('T', " "));
    let Some(commit) = machine.commit else {
        return Finding::fine("clock", found);
    };
    let made = day(&rfc3339(commit));
    let advice = match machine.now {
        now if now < commit.saturating_sub(DAY) => format!("this program was built from a later commit ({made})"),
        now if now > commit.saturating_add(20 * 365 * DAY) => {
            format!("this program was built from a much earlier commit ({made})")
        }
        _ => return Finding::fine("clock", found),
    };
    let advice =
        format!("{advice}; with a wrong clock certificates are refused, so that nothing can be fetched or pulled");
    let set = if machine.system.systemd { "timedatectl set-ntp true" } else { "date --utc --set 'YYYY-MM-DD HH:MM'" };
    Finding::problem("clock", found, super::purposes::LARGE, advice).run([machine.system.sudo(set)])
}

pub(super) fn worker(machine: &Machine) -> Finding {
    let torch = match &machine.worker {
        WorkerState::Fits(torch) => torch,
        WorkerState::Unasked => return Finding::untried("worker", "not checked"),
        WorkerState::Unfit { why } | WorkerState::Missing { why } => {
            let advice = "build it in the source folder, or use the training image with --engine docker:";
            return Finding::problem("worker", why.as_str(), COMPUTING_HERE, advice).run(BUILD);
        }
    };
    let version = &torch.version;
    if torch.gpus > 0 {
        return Finding::fine("worker", format!("libtorch {version}, sees {} by CUDA", gpus(torch.gpus)));
    }
    if torch.cuda {
        return cuda_without_gpu(machine, torch);
    }
    if let Some(why) = &torch.cuda_problem {
        let found = format!("libtorch {version}, with CUDA, but its CUDA library cannot be loaded: {why}");
        let advice = "training uses the CPU. NVIDIA's libraries must lie beside libtorch. In the folder of its source:";
        return Finding::limitation("worker", found, TRAINING, advice).run(["ci/setup --cuda", BUILD[1], BUILD[2]]);
    }
    let found = format!("libtorch {version}, for CPUs only");
    match fitness(&machine.gpu) {
        CudaFitness::Usable(gpu) => {
            let advice = format!(
                "there is a GPU, {}, but the worker was built with libtorch for CPUs, so that training uses the CPU. In the folder \
                 of its source:",
                gpu.name
            );
            Finding::limitation("worker", found, TRAINING, advice).run(["ci/setup --cuda", BUILD[1], BUILD[2]])
        }
        // What hinders CUDA is named by "driver" and "CUDA".
        _ => Finding::fine("worker", found),
    }
}

/// Explains why a libtorch with CUDA sees no GPU: there is none, its driver is missing or too old, it is hidden, or both do not work
/// together.
fn cuda_without_gpu(machine: &Machine, torch: &Torch) -> Finding {
    let limitation = |why: &str, advice: &str| {
        let found = format!("libtorch {}, with CUDA, but {why}", torch.version);
        Finding::limitation("worker", found, TRAINING, advice)
    };
    match fitness(&machine.gpu) {
        CudaFitness::NoGpu => limitation("there is no NVIDIA GPU", "it works, and training uses the CPU"),
        CudaFitness::NoDriver(count) => limitation(
            &format!("{} {} no driver", gpus(count), if count == 1 { "has" } else { "have" }),
            "it works, but training uses the CPU until NVIDIA's driver is installed: see \"driver\" below",
        ),
        CudaFitness::DriverTooOld(driver) => limitation(
            &format!("it sees no GPU with driver {driver}"),
            "it works, but training uses the CPU until the driver is updated: see \"CUDA\" below",
        ),
        CudaFitness::GpuTooOld(..) => {
            limitation("it can use no GPU of this machine", "it works, but training uses the CPU: see \"CUDA\" below")
        }
        CudaFitness::Usable(_) | CudaFitness::NotListed => match &machine.gpu.visible {
            Some(visible) => limitation(
                &format!("it sees no GPU with CUDA_VISIBLE_DEVICES={visible:?}"),
                "training uses the CPU while this variable hides the GPUs:",
            )
            .run(["unset CUDA_VISIBLE_DEVICES", BUILD[2]]),
            None => limitation(
                "it sees no GPU",
                &format!(
                    "training uses the CPU. CUDA {CUDA} needs driver {CUDA_DRIVER} or newer. What nvidia-smi says:"
                ),
            )
            .run(["nvidia-smi"]),
        },
    }
}
