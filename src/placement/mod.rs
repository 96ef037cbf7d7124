//! Where work with libtorch is done: by `repro-worker`, on this machine or in the training container.
//!
//! - [`find`]: which worker belongs to this program;
//! - `talk`: what a worker's lines mean, wherever it runs;
//! - `host`: a worker as a process of this machine; [`contained`]: containers, for workers and for this program's own stages;
//! - [`Placement`]: one of both, by what a person chose.

pub mod find;
mod host;
mod talk;

use std::path::PathBuf;

use base::error::Result;
use protocol::{Device, Event, Hello, Job};
use serde_json::Value;

pub use host::Host;
pub use talk::rebuilt;

/// What a worker is to do, and what it touches.
#[derive(Debug)]
pub struct Asked {
    /// For messages, such as `train` or `stage train-vqa`.
    pub name: String,
    /// The work.
    pub job: Job,
    /// cpu, cuda, cuda:N or auto.
    pub device: String,
    /// Threads of the arithmetic.
    pub threads: usize,
    /// A file to which the worker appends what it says.
    pub record: Option<PathBuf>,
    /// What it reads and writes; a container sees nothing else.
    pub touched: Touched,
}

/// What work touches. Paths need not be absolute.
#[derive(Debug, Clone, Default)]
pub struct Touched {
    /// Read if they are there.
    pub reads: Vec<PathBuf>,
    /// The folder that is written into; made where it is not there.
    pub folder: Option<PathBuf>,
    /// The one file that is written, and nothing else in its folder.
    pub file: Option<PathBuf>,
}

/// Where work is done.
#[derive(Debug, Clone)]
pub enum Placement {
    /// By a process of this machine.
    Host(Host),
}

impl Placement {
    /// Does the work; its result. `hear` is told all that the worker says, but for its first and its last line.
    ///
    /// # Errors
    /// The work's own, or what happened to the worker.
    pub fn run(&self, asked: &Asked, hear: &mut dyn FnMut(Event)) -> Result<Value> {
        match self {
            Self::Host(host) => host.run(asked, hear),
        }
    }

    /// Whether it may write feature stores. A container only reads data, so that stores must be there.
    pub fn builds_stores(&self) -> bool {
        match self {
            Self::Host(_) => true,
        }
    }

    /// Who the worker is.
    ///
    /// # Errors
    /// Infra where there is none, or another than belongs to this program.
    pub fn hello(&self) -> Result<Hello> {
        match self {
            Self::Host(host) => host.hello(),
        }
    }

    /// The device of a name, described.
    ///
    /// # Errors
    /// Infra where there is none such.
    pub fn device(&self, name: &str) -> Result<Device> {
        match self {
            Self::Host(host) => host.device(name),
        }
    }
}
