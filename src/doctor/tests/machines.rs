//! Invented machines.

use super::super::machine::*;
use super::super::{DoctorReport, FindingState, Purpose};
use crate::images::Role;
use crate::nvidia_smi::ListedGpu;
use crate::step_times::{StepConditions, StepTime, TrainingSpeed};
use data::dataset::Task;
use sandbox::Gpu;
use sandbox::engine::EngineFacts;
use sandbox::failure::Unreachable;

pub(super) fn facts() -> EngineFacts {
    EngineFacts {
        version: "28.3.0".into(),
        api: "1.51".into(),
        runtimes: vec!["runc".into(), "nvidia".into()],
        cdi_folders: vec!["/etc/cdi".into()],
        cgroups: "2".into(),
        limits_memory: true,
        root: "/var/lib/docker".into(),
        ..EngineFacts::default()
    }
}

pub(super) fn gpu(name: &str, capability: (u32, u32)) -> Gpu {
    let memory = Some(16 << 30);
    Gpu { index: 0, name: name.into(), compute_capability: Some(capability), driver: "580.95.05".into(), memory }
}

/// A GPU that nvidia-smi lists.
pub(super) fn listed(name: &str, driver: &str, capability: (u32, u32)) -> ListedGpu {
    ListedGpu { index: 0, name: name.into(), driver: Some(driver.into()), capability: Some(capability) }
}

/// The times of the paper's fine-tunings at a speed that `repro bench train` measured.
pub(super) fn measured(device: &str, examples_per_second: f64) -> TrainingTimes {
    let conditions = StepConditions {
        device: device.into(),
        processor: "Intel(R) Xeon(R) Gold 6248".into(),
        threads: 40,
        libtorch: "2.11.0".into(),
        batch_size: 32,
    };
    let versions = [("libtorch".to_owned(), "2.11.0".to_owned())].into();
    let step = StepTime { conditions, examples_per_second, versions, measured: "2026-11-30T21:00:00Z".into() };
    let speed = TrainingSpeed::Steps(step);
    let examples = [(Task::Vqa, 632_117), (Task::Gqa, 1_075_062), (Task::Nlvr2, 86_373)];
    let tasks = examples.map(|(task, examples)| (task, speed.seconds(examples, 4), speed.clone()));
    TrainingTimes { device: device.into(), threads: 40, tasks: tasks.into(), note: None }
}

/// A machine that has everything.
pub(super) fn server() -> Machine {
    let image = |role, name: &str| RoleImage { role, name: name.into(), state: ImageState::Pinned };
    Machine {
        system: System {
            packages: PackageManager::Apt,
            root: false,
            systemd: true,
            programs: vec!["dockerd", "nvidia-smi", "nvidia-ctk", "nvidia-container-runtime-hook"],
        },
        processor: Processor {
            model: "Intel(R) Xeon(R) Gold 6248".into(),
            cores: 40,
            features: Some(vec!["AVX2", "AVX-512"]),
        },
        memory: Memory { total: Some(270_000_000_000), available: Some(250_000_000_000) },
        workspace: ("workspace".into(), Some(900_000_000_000)),
        locks: Some(Ok(())),
        shm: Some(64 << 30),
        now: 1_795_000_000,
        commit: Some(1_794_000_000),
        worker: worker(true, 1),
        engine: EngineState::Answers {
            host: "unix:///var/run/docker.sock".into(),
            facts: facts(),
            free: Some(200_000_000_000),
        },
        images: vec![image(Role::Extractor, "example/extractor:1"), image(Role::Train, "example/train:1")],
        gpu: GpuParts {
            devices: 1,
            driver: Some("580.95.05".into()),
            listed: Some(Ok(vec![listed("Tesla T4", "580.95.05", (7, 5))])),
            visible: None,
            cdi: Vec::new(),
            probe: GpuProbe::Found(vec![gpu("Tesla T4", (7, 5))]),
        },
        training: Some(measured("cuda (Tesla T4)", 42.0)),
    }
}

/// A machine that has hardly anything, and a clock that stopped.
pub(super) fn laptop() -> Machine {
    Machine {
        system: System { packages: PackageManager::Dnf, root: false, systemd: true, programs: Vec::new() },
        processor: Processor { model: "Intel(R) Core(TM)2 Duo".into(), cores: 1, features: Some(Vec::new()) },
        memory: Memory { total: Some(4_000_000_000), available: Some(9_000_000_000) },
        workspace: ("/home/a/workspace".into(), Some(200_000_000)),
        locks: Some(Err("Function not implemented".into())),
        shm: Some(1 << 20),
        now: 60,
        commit: Some(1_794_000_000),
        worker: WorkerState::Missing { why: "the program repro-worker is missing".into() },
        engine: silent(Unreachable::NoSocket, false),
        images: Vec::new(),
        gpu: GpuParts {
            devices: 1,
            driver: None,
            listed: None,
            visible: None,
            cdi: Vec::new(),
            probe: GpuProbe::Untried("no engine answers"),
        },
        training: None,
    }
}

pub(super) fn silent(reason: Unreachable, named: bool) -> EngineState {
    EngineState::Silent { host: "unix:///var/run/docker.sock".into(), named, reason, why: "odd".into() }
}

pub(super) fn all(machine: &Machine) -> DoctorReport {
    DoctorReport::of(machine, &Purpose::ALL)
}

/// Returns state, text and commands of one check.
pub(super) fn check(machine: &Machine, name: &str) -> (FindingState, String, String) {
    let report = all(machine);
    let finding = report.groups.iter().flat_map(|(_, findings)| findings).find(|finding| finding.name == name).unwrap();
    let commands = finding.matters(&report.asked).map_or_else(String::new, |problem| problem.commands.join("; "));
    (finding.state(&report.asked), finding.found.clone(), commands)
}

/// The state of a worker with this libtorch.
pub(super) fn worker(cuda: bool, gpus: usize) -> WorkerState {
    WorkerState::Fits(Torch { version: "2.11.0".into(), cuda, cuda_problem: None, gpus })
}
