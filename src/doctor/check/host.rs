//! The machine itself.

use crate::doctor::finding::{COMPUTING_HERE, Finding, Purpose};
use crate::doctor::machine::{Machine, Torch, Worker};
use base::clock::{day, rfc3339};
use base::format::human_bytes;

/// Memory of a training step of lxr955 at batch 32 on the CPU, at most at a time: measured (`repro bench train`).
const TRAINING_MEMORY: u64 = 5_300_000_000;
/// What the system and the files in use take beside it.
const BESIDE: u64 = 1_000_000_000;
/// From nothing, the smallest task (NLVR2) takes so much while it is prepared: fetched 25, unpacked 54, stores 41 GB.
const SMALLEST_TASK: u64 = 120_000_000_000;
/// Less cannot hold even the demonstration and its report.
const LEAST_DISK: u64 = 1_000_000_000;
/// Docker gives a container so much; a machine with less has it limited on purpose.
const USUAL_SHM: u64 = 64 << 20;
/// CUDA of the libtorch that `ci/setup --cuda` fetches, and the oldest driver that runs it.
const CUDA: &str = "13.0";
const CUDA_DRIVER: &str = "580";
/// Builds both programs and looks again.
const BUILD: [&str; 3] = ["ci/setup", "cargo build --release", "target/release/repro doctor"];
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
        Some(_) => Finding::hindrance(
            "processor",
            format!("{model}, {cores}; no AVX2"),
            &Purpose::ALL,
            "everything works but arithmetic is many times slower; a virtual machine may hide what its processor has",
        ),
    }
}

pub(super) fn memory(machine: &Machine) -> Finding {
    let (Some(total), Some(available)) = (machine.memory.total, machine.memory.available) else {
        return Finding::untried("memory", "the system does not say how much there is");
    };
    let available = available.min(total);
    let found = format!("{}, {} not in use", human_bytes(total), human_bytes(available));
    let need = human_bytes(TRAINING_MEMORY);
    if total < TRAINING_MEMORY + BESIDE {
        let advice = format!("training at the paper's size takes {need} on the CPU; the demo takes less");
        Finding::trouble("memory", found, &[Purpose::Train], advice)
    } else if available < TRAINING_MEMORY + BESIDE {
        let advice = format!("training at the paper's size takes {need} on the CPU: end what uses the memory");
        Finding::hindrance("memory", found, &[Purpose::Train, Purpose::Docker], advice)
            .run(["ps -eo rss,pid,args --sort=-rss | head"])
    } else {
        Finding::fine("memory", found)
    }
}

pub(super) fn disk(machine: &Machine) -> Finding {
    let (folder, free) = &machine.workspace;
    let folder = folder.display();
    let Some(free) = *free else {
        return Finding::untried("disk", format!("the file system of {folder} does not say how much is free"));
    };
    let found = format!("{} free for {folder}", human_bytes(free));
    let need = human_bytes(SMALLEST_TASK);
    if free < LEAST_DISK {
        let advice = "free some space, or put the workspace elsewhere with --workspace DIR";
        Finding::trouble("disk", found, &Purpose::ALL, advice)
    } else if free < SMALLEST_TASK {
        let advice = format!(
            "enough for the demo; from nothing, the smallest task (NLVR2) takes {need}. This says what is still missing:"
        );
        Finding::hindrance("disk", found, super::purposes::LARGE, advice).run(["repro fetch --task nlvr2 --dry-run"])
    } else {
        Finding::fine("disk", found)
    }
}

pub(super) fn locks(machine: &Machine) -> Finding {
    let folder = machine.workspace.0.display();
    match &machine.locks {
        Some(Ok(())) => Finding::fine("locks", format!("runs keep each other out of {folder}")),
        Some(Err(why)) => Finding::hindrance(
            "locks",
            format!("the file system of {folder} has none: {why}"),
            &Purpose::ALL,
            "everything works, but nothing keeps a second run out of a folder: start one at a time, or put the workspace on a \
             local disk with --workspace DIR",
        ),
        None => Finding::untried("locks", format!("no file can be created for {folder}")),
    }
}

pub(super) fn shm(machine: &Machine) -> Finding {
    let name = "/dev/shm";
    match machine.shm {
        Some(size) if size >= USUAL_SHM => Finding::fine(name, human_bytes(size)),
        Some(size) => {
            let advice =
                "programs that share memory between processes may fail here; containers of this program get their own";
            let command = machine.system.sudo("mount -o remount,size=1G /dev/shm");
            Finding::hindrance(name, human_bytes(size), super::purposes::CONTAINERS, advice).run([command])
        }
        None => {
            let advice =
                "programs that share memory between processes fail here; containers of this program get their own";
            let command = machine.system.sudo("mount -t tmpfs -o nosuid,nodev,size=1G tmpfs /dev/shm");
            Finding::hindrance(name, "not there", super::purposes::CONTAINERS, advice).run([command])
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
        now if now < commit.saturating_sub(DAY) => format!("this program was made on {made}, which is later"),
        now if now > commit.saturating_add(20 * 365 * DAY) => format!("this program was made on {made}, long before"),
        _ => return Finding::fine("clock", found),
    };
    let advice =
        format!("{advice}: with a wrong clock no certificate is accepted, so nothing can be fetched or pulled");
    let set = if machine.system.systemd { "timedatectl set-ntp true" } else { "date --utc --set 'YYYY-MM-DD HH:MM'" };
    Finding::trouble("clock", found, super::purposes::LARGE, advice).run([machine.system.sudo(set)])
}

pub(super) fn worker(machine: &Machine) -> Finding {
    let torch = match &machine.worker {
        Worker::Fits(torch) => torch,
        Worker::Unasked => return Finding::untried("worker", "not asked"),
        Worker::Unfit { why } | Worker::Missing { why } => {
            let advice = "with --engine docker the training image computes instead. To have one here, in the folder of the source:";
            return Finding::trouble("worker", why.as_str(), COMPUTING_HERE, advice).run(BUILD);
        }
    };
    let version = &torch.version;
    match (torch.gpus, torch.cuda, &machine.gpu.driver) {
        (1.., ..) => Finding::fine("worker", format!("libtorch {version}, sees {} by CUDA", gpus(torch.gpus))),
        (0, true, _) => cuda_without_gpu(machine, torch),
        (0, false, Some(_)) => {
            let advice = "there is a GPU, but the worker was built with the libtorch for CPUs, so training uses the CPU. \
                          In the folder of its source:";
            let found = format!("libtorch {version}, for CPUs only");
            Finding::hindrance("worker", found, COMPUTING_HERE, advice).run(["ci/setup --cuda", BUILD[1], BUILD[2]])
        }
        (0, false, None) => Finding::fine("worker", format!("libtorch {version}, for CPUs only")),
    }
}

/// Says why a libtorch with CUDA sees no GPU: there is none, its driver is missing, or the two do not work together.
fn cuda_without_gpu(machine: &Machine, torch: &Torch) -> Finding {
    let found = |why: &str| format!("libtorch {}, with CUDA, but {why}", torch.version);
    let hindrance = |found, advice: &str| Finding::hindrance("worker", found, COMPUTING_HERE, advice);
    match (&machine.gpu.driver, machine.gpu.devices) {
        (None, 0) => hindrance(found("there is no NVIDIA GPU"), "it works, and training uses the CPU"),
        (None, count) => hindrance(
            found(&format!("{} {} no driver", gpus(count), if count == 1 { "has" } else { "have" })),
            "it works, and training uses the CPU until NVIDIA's driver is installed: see \"driver\" below",
        ),
        (Some(driver), _) => hindrance(
            found(&format!("it sees no GPU by driver {driver}")),
            &format!(
                "training uses the CPU. CUDA {CUDA} needs driver {CUDA_DRIVER} or newer; CUDA_VISIBLE_DEVICES may hide the GPUs. \
                 What each says:"
            ),
        )
        .run(["nvidia-smi", "echo \"$CUDA_VISIBLE_DEVICES\""]),
    }
}

/// `1 GPU`, `2 GPUs`.
pub(super) fn gpus(count: usize) -> String {
    if count == 1 { "1 GPU".to_owned() } else { format!("{count} GPUs") }
}
