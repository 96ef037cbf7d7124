//! The description of a container: its command, mounts, limits and timeouts.

use std::path::PathBuf;
use std::time::Duration;

use super::gpu::GpuPath;
use super::gpu_choice::Gpus;
use super::image_name::Image;
use super::mount::Mount;
use super::stop::StopToken;

/// Default limit of a line of output, in bytes.
pub(super) const LONGEST_LINE: usize = 16 << 10;

/// Network of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// None, not even to this machine.
    #[default]
    None,
    /// The engine's default network.
    Bridge,
}

/// Resource limits of a container.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Memory in bytes; no swap is added to it.
    pub memory: Option<u64>,
    /// Number of processes and threads.
    pub pids: u32,
    /// Number of CPUs, such as 1.5.
    pub cpus: Option<f64>,
    /// Size of `/dev/shm` in bytes.
    pub shm: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: None, pids: 4096, cpus: None, shm: 64 << 20 }
    }
}

/// Time limits of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timeouts {
    /// Limit on the whole run.
    pub total: Option<Duration>,
    /// Limit on the time without output.
    pub silence: Option<Duration>,
}

/// One command in one image. The defaults are the safest: no network, nothing writable, no capabilities, no new
/// privileges, not root, an init process.
#[derive(Debug, Clone, PartialEq)]
pub struct Sandbox {
    /// Short description for messages, such as `extract valid, part 2`.
    pub task: String,
    /// The image.
    pub image: Image,
    /// Program and arguments; replaces the image's entry point.
    pub command: Vec<String>,
    /// Mounted folders and files of this machine.
    pub mounts: Vec<Mount>,
    /// Folders in memory: path and size in bytes. `/tmp` is always one, by default of 1 GiB.
    pub tmpfs: Vec<(PathBuf, u64)>,
    /// Environment variables in addition to the image's own. `HOME` is `/tmp` by default.
    pub environment: Vec<(String, String)>,
    /// Working directory; `None` for the image's own.
    pub workdir: Option<PathBuf>,
    /// Network.
    pub network: Network,
    /// GPUs.
    pub gpus: Gpus,
    /// How the GPUs are requested.
    pub gpu_path: GpuPath,
    /// Resource limits.
    pub limits: Limits,
    /// Time limits.
    pub timeouts: Timeouts,
    /// Time between SIGTERM and SIGKILL when the command is stopped.
    pub grace: Duration,
    /// File that every line of output is appended to.
    pub log: Option<PathBuf>,
    /// Stops the container when requested.
    pub stop: Option<StopToken>,
    /// Whether the command's stdin stays open until this process ends; otherwise stdin is empty.
    pub lifeline: bool,
    /// Limit of a line of output, in bytes; longer lines are split.
    pub longest_line: usize,
}

impl Sandbox {
    /// Creates a sandbox for a command in an image, with the defaults for everything else.
    pub fn new<S: Into<String>>(task: &str, image: &Image, command: impl IntoIterator<Item = S>) -> Self {
        Self {
            task: task.to_owned(),
            image: image.clone(),
            command: command.into_iter().map(Into::into).collect(),
            mounts: Vec::new(),
            tmpfs: Vec::new(),
            environment: Vec::new(),
            workdir: None,
            network: Network::None,
            gpus: Gpus::None,
            gpu_path: GpuPath::Auto,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            grace: Duration::from_secs(5),
            log: None,
            stop: None,
            lifeline: false,
            longest_line: LONGEST_LINE,
        }
    }
}
