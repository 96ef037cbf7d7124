//! What is known of a machine.

use std::path::PathBuf;

use crate::images::Role;
use sandbox::Gpu;
use sandbox::engine::Facts;
use sandbox::failure::Unreachable;

/// Everything that checks look at.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The system.
    pub system: System,
    /// The processor.
    pub processor: Processor,
    /// Main memory.
    pub memory: Memory,
    /// The workspace, and the bytes that can be written there.
    pub workspace: (PathBuf, Option<u64>),
    /// Whether a file and a folder can be locked where the workspace is; none where that could not be tried.
    pub locks: Option<Result<(), String>>,
    /// Size of `/dev/shm` in bytes.
    pub shm: Option<u64>,
    /// Seconds since 1970: now.
    pub now: u64,
    /// Seconds since 1970: when the program's commit was made.
    pub commit: Option<u64>,
    /// The program that computes.
    pub worker: Worker,
    /// The container engine.
    pub engine: Engine,
    /// The images of the program, where the engine answers.
    pub images: Vec<Image>,
    /// GPUs and the way to them.
    pub gpu: GpuParts,
}

/// The program that installs packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packages {
    /// Debian, Ubuntu and their kin.
    Apt,
    /// Fedora, Red Hat and their kin.
    Dnf,
    /// Something else.
    Other,
}

/// The system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// The program that installs packages.
    pub packages: Packages,
    /// Whether this process is root's.
    pub root: bool,
    /// Whether systemd manages services.
    pub systemd: bool,
    /// Those of the programs asked about that are installed.
    pub programs: Vec<&'static str>,
}

impl System {
    /// Whether a program is installed.
    pub fn has(&self, program: &str) -> bool {
        self.programs.contains(&program)
    }

    /// A command as root.
    pub fn sudo(&self, command: &str) -> String {
        if self.root { command.to_owned() } else { format!("sudo {command}") }
    }

    /// Commands that install a package under its names for apt and dnf.
    pub fn install(&self, apt: &str, dnf: &str) -> Option<String> {
        match self.packages {
            Packages::Apt => Some(self.sudo(&format!("apt-get install -y {apt}"))),
            Packages::Dnf => Some(self.sudo(&format!("dnf install -y {dnf}"))),
            Packages::Other => None,
        }
    }
}

/// The processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processor {
    /// Its model.
    pub model: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// What it has of AVX2, AVX-512, bf16 and SHA; none where it is not an x86.
    pub features: Option<Vec<&'static str>>,
}

/// Main memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All that this process may use: the machine's, or less by a limit.
    pub total: Option<u64>,
    /// What is not in use.
    pub available: Option<u64>,
}

/// The program that computes on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Worker {
    /// It is here and belongs to this program.
    Fits(Torch),
    /// It was not asked: nothing that a person wants to do computes here.
    Unasked,
    /// It is here, but does not say who it is, or is another one.
    Unfit {
        /// What is wrong with it.
        why: String,
    },
    /// It is not here.
    Missing {
        /// What was looked for.
        why: String,
    },
}

/// The libtorch of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torch {
    /// Version of libtorch.
    pub version: String,
    /// Whether it holds CUDA, whatever the machine has.
    pub cuda: bool,
    /// GPUs that it sees.
    pub gpus: usize,
}

/// The container engine.
#[derive(Debug, Clone)]
pub enum Engine {
    /// It answers.
    Answers {
        /// Its address.
        host: String,
        /// What it is.
        facts: Facts,
        /// Bytes free where it keeps images; none where that is elsewhere.
        free: Option<u64>,
    },
    /// It does not.
    Silent {
        /// The address that was tried.
        host: String,
        /// Whether `DOCKER_HOST` names it.
        named: bool,
        /// Why.
        reason: Unreachable,
        /// What the connection said.
        why: String,
    },
    /// It answers, but is too old.
    TooOld {
        /// Version of its API.
        found: String,
    },
}

/// An image of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// What it is for.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// What the engine has of it.
    pub state: ImageState,
}

/// What the engine has of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageState {
    /// Nothing.
    Missing,
    /// An image without a pin.
    Unpinned,
    /// The pinned image.
    Pinned,
    /// Another than the pinned one.
    Changed,
    /// It could not be looked up.
    Unknown(String),
}

/// GPUs and the way to them.
#[derive(Debug, Clone)]
pub struct GpuParts {
    /// NVIDIA's devices on the PCI bus, whether or not a driver is there.
    pub devices: usize,
    /// Version of the kernel's driver.
    pub driver: Option<String>,
    /// GPUs that nvidia-smi lists on the machine itself; an error where it fails.
    pub listed: Option<Result<usize, String>>,
    /// Files that describe NVIDIA's devices for CDI.
    pub cdi: Vec<PathBuf>,
    /// A look from within a container.
    pub probe: Probe,
}

/// A look for GPUs from within a container.
#[derive(Debug, Clone)]
pub enum Probe {
    /// It was not made.
    Untried(&'static str),
    /// GPUs that a container gets.
    Found(Vec<Gpu>),
    /// None: the way, why, and what mends it.
    Failed(String),
}
