//! The facts of a machine as plain data, so that checks can be tested with invented machines.

use std::path::PathBuf;

use crate::images::Role;
use crate::nvidia_smi::ListedGpu;
use crate::step_times::TrainingSpeed;
use data::dataset::Task;
use sandbox::Gpu;
use sandbox::engine::EngineFacts;
use sandbox::failure::Unreachable;

/// All facts that checks use.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Operating system.
    pub system: System,
    /// The processor.
    pub processor: Processor,
    /// Main memory.
    pub memory: Memory,
    /// Path of the workspace and its free bytes.
    pub workspace: (PathBuf, Option<u64>),
    /// Whether files and folders can be locked in the workspace; `None` if that could not be tried.
    pub locks: Option<Result<(), String>>,
    /// Size of `/dev/shm` in bytes.
    pub shm: Option<u64>,
    /// Current time, in seconds since 1970.
    pub now: u64,
    /// Time of the program's commit, in seconds since 1970.
    pub commit: Option<u64>,
    /// The worker of this machine.
    pub worker: WorkerState,
    /// The container engine.
    pub engine: EngineState,
    /// The program's images; empty if no engine answers.
    pub images: Vec<RoleImage>,
    /// GPUs, drivers and their access from containers.
    pub gpu: GpuParts,
    /// How long the paper's fine-tunings take on this machine; `None` if the worker cannot train or was not asked.
    pub training: Option<TrainingTimes>,
}

/// How long the paper's fine-tunings take.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingTimes {
    /// The device that a training uses: `cpu`, or `cuda` with the GPU's name.
    pub device: String,
    /// CPU threads that a training uses.
    pub threads: usize,
    /// Each task with its seconds, without validation, and the speed that they follow from; tasks without a speed are missing.
    pub tasks: Vec<(Task, f64, TrainingSpeed)>,
    /// Why kept measurements were ignored.
    pub note: Option<String>,
}

/// The package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageManager {
    /// Debian, Ubuntu and derivatives.
    Apt,
    /// Fedora, Red Hat and derivatives.
    Dnf,
    /// Any other.
    Other,
}

/// The operating system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// The program that installs packages.
    pub packages: PackageManager,
    /// Whether this process runs as root.
    pub root: bool,
    /// Whether systemd manages services.
    pub systemd: bool,
    /// The installed ones of the programs that advice depends on.
    pub programs: Vec<&'static str>,
}

impl System {
    /// Whether a program is installed.
    pub fn has(&self, program: &str) -> bool {
        self.programs.contains(&program)
    }

    /// Prefixes a command with `sudo` unless running as root.
    pub fn sudo(&self, command: &str) -> String {
        if self.root { command.to_owned() } else { format!("sudo {command}") }
    }

    /// Returns the command that installs a package by its name for apt or dnf.
    pub fn install(&self, apt: &str, dnf: &str) -> Option<String> {
        match self.packages {
            PackageManager::Apt => Some(self.sudo(&format!("apt-get install -y {apt}"))),
            PackageManager::Dnf => Some(self.sudo(&format!("dnf install -y {dnf}"))),
            PackageManager::Other => None,
        }
    }
}

/// The processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processor {
    /// Model name.
    pub model: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Which of AVX2, AVX-512, bf16 and SHA it supports; `None` if it is not an x86.
    pub features: Option<Vec<&'static str>>,
}

/// Main memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Memory of the machine, or a lower limit of this process.
    pub total: Option<u64>,
    /// Available memory.
    pub available: Option<u64>,
}

/// The state of the worker on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerState {
    /// It matches this program.
    Fits(Torch),
    /// Not checked: no requested purpose computes on this machine itself.
    Unasked,
    /// It exists but gives no handshake, or does not match this program.
    Unfit {
        /// What is wrong.
        why: String,
    },
    /// It is missing.
    Missing {
        /// Where it was looked for.
        why: String,
    },
}

/// The libtorch of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torch {
    /// Version of libtorch.
    pub version: String,
    /// Whether it has CUDA.
    pub cuda: bool,
    /// Why the CUDA library that lies beside it could not be loaded.
    pub cuda_problem: Option<String>,
    /// GPUs that it sees.
    pub gpus: usize,
}

/// The state of the container engine.
#[derive(Debug, Clone)]
pub enum EngineState {
    /// It answers.
    Answers {
        /// Its address.
        host: String,
        /// Facts about it.
        facts: EngineFacts,
        /// Free bytes for images; `None` if they are on a different machine.
        free: Option<u64>,
    },
    /// It does not answer.
    Silent {
        /// The address that was tried.
        host: String,
        /// Whether `DOCKER_HOST` names it.
        named: bool,
        /// Kind of failure.
        reason: Unreachable,
        /// Message of the failure.
        why: String,
    },
    /// It answers, but is too old.
    TooOld {
        /// Version of its API.
        found: String,
    },
}

/// One of the program's images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleImage {
    /// Its role.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// State in the engine.
    pub state: ImageState,
}

/// The state of an image in the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageState {
    /// Not present.
    Missing,
    /// Present, not pinned.
    Unpinned,
    /// Present, as pinned.
    Pinned,
    /// Present, but different from the pinned one.
    Changed,
    /// The lookup failed.
    Unknown(String),
}

/// GPUs, drivers and their access from containers.
#[derive(Debug, Clone)]
pub struct GpuParts {
    /// Number of NVIDIA devices on the PCI bus, with or without driver.
    pub devices: usize,
    /// Version of the kernel driver, as the kernel or nvidia-smi reports it.
    pub driver: Option<String>,
    /// GPUs that nvidia-smi lists on the host, or its error; `None` if it is not installed.
    pub listed: Option<Result<Vec<ListedGpu>, String>>,
    /// Value of `CUDA_VISIBLE_DEVICES`, which hides all other GPUs from CUDA; `None` if it is not set.
    pub visible: Option<String>,
    /// CDI files that describe NVIDIA's devices.
    pub cdi: Vec<PathBuf>,
    /// GPUs seen from inside a container.
    pub probe: GpuProbe,
}

/// The result of looking for GPUs from inside a container.
#[derive(Debug, Clone)]
pub enum GpuProbe {
    /// Not tried; why.
    Untried(&'static str),
    /// GPUs that a container sees.
    Found(Vec<Gpu>),
    /// A container sees none; why.
    Failed(String),
}
