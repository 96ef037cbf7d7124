//! What a container may use, and how long.

use std::path::PathBuf;
use std::time::Duration;

use super::gpu::GpuPath;
use super::gpu_choice::Gpus;
use super::image_name::Image;
use super::mount::Mount;
use super::stop::Stop;

/// Bytes of the longest line of a person's program.
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

/// What a container may use.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Memory in bytes, without swap beyond it.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub pids: u32,
    /// CPUs, such as 1.5.
    pub cpus: Option<f64>,
    /// Size of `/dev/shm` in bytes.
    pub shm: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: None, pids: 4096, cpus: None, shm: 64 << 20 }
    }
}

/// How long a container may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timeouts {
    /// For the whole run.
    pub total: Option<Duration>,
    /// Without any output.
    pub silence: Option<Duration>,
}

/// One command in one image. Everything not given is the safest: no network, nothing writable, no capabilities, no new
/// privileges, not root, an init process.
#[derive(Debug, Clone, PartialEq)]
pub struct Sandbox {
    /// What is run, in words, for messages, such as `extract valid, part 2`.
    pub task: String,
    /// The image.
    pub image: Image,
    /// Program and arguments; replaces the image's entry point.
    pub command: Vec<String>,
    /// Folders and files of this machine.
    pub mounts: Vec<Mount>,
    /// Folders in memory: path and size in bytes. `/tmp` is always one, of 1 GiB unless given here.
    pub tmpfs: Vec<(PathBuf, u64)>,
    /// Environment variables beside the image's own. `HOME` is `/tmp` unless given here.
    pub environment: Vec<(String, String)>,
    /// Where the command starts; the image's own where not given.
    pub workdir: Option<PathBuf>,
    /// Network.
    pub network: Network,
    /// GPUs.
    pub gpus: Gpus,
    /// The way on which it gets them.
    pub gpu_path: GpuPath,
    /// What it may use.
    pub limits: Limits,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// How long the command may take to end once it is asked to, before it is ended.
    pub grace: Duration,
    /// File that gets every line of output, appended.
    pub log: Option<PathBuf>,
    /// Ends it when asked to.
    pub stop: Option<Stop>,
    /// Whether the command's stdin stays open for as long as this process lives, and then closes; else it is empty.
    pub lifeline: bool,
    /// Bytes of the longest line of output; a longer one is cut into several.
    pub longest_line: usize,
}

impl Sandbox {
    /// A command in an image, with nothing else.
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
