//! An image whose worker matches this program, with the engine that runs it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::conversation::{Conversation, ProcessEnd, Program};
use super::worker_program;
use crate::images::{self, Role};
use base::error::{Error, Result};
use base::{openmp, status, versions, worker_env};
use protocol::{Device, Event, Hello};
use sandbox::{Cause, Engine, GpuPath, Gpus, Image, Limits, Line, Mount, ResourceUsage, Sandbox, Stream};

/// Time that a training gets to stop: a snapshot of the full model has 2.6 GB.
const GRACE: Duration = Duration::from_secs(100);
/// Name of this program in the image.
pub const HARNESS: &str = "repro";
/// Environment variables that are passed on if they are set.
const PASSED_ON: [&str; 5] =
    [openmp::OVERRIDES[0], openmp::OVERRIDES[1], worker_env::CUBLAS_WORKSPACE.0, "NO_COLOR", "REPRO_WORKSPACE"];
/// How to get an image that matches this program.
const ADVICE: &str = "rebuild the image from this source with `repro images build train`, then run this again";
/// Maximum length of an event in bytes: the answers of a whole task.
const LONGEST_EVENT: usize = 16 << 20;

/// Options for containers.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerOptions {
    /// Image to use instead of the default.
    pub image: Option<String>,
    /// GPUs that the container sees.
    pub gpus: Gpus,
    /// Memory limit in bytes.
    pub memory: Option<u64>,
}

/// An image whose worker matches this program, and the engine that runs it.
#[derive(Debug, Clone)]
pub struct ContainerPlace {
    engine: Engine,
    image: Image,
    hello: Hello,
    /// Name and description of the device that was asked for when it was opened.
    device: (String, Device),
    options: ContainerOptions,
}

/// The result of work in a container, and the resources that it used.
#[derive(Debug)]
pub struct ContainerOutcome {
    /// Result or error of the work.
    pub result: Result<Value>,
    /// Resources used; only wall time if the engine does not report more.
    pub used: ResourceUsage,
}

impl ContainerPlace {
    /// Connects to the engine, removes what killed runs left, finds the image, checks its GPUs, and asks its worker for its handshake
    /// and a description of `device`.
    ///
    /// # Errors
    /// Infra if there is no engine, no image, no such GPU or device, or the image does not hold a worker that matches this program;
    /// checksum if the image is not the pinned one.
    pub fn open(run: &str, options: &ContainerOptions, device: &str, workspace: &Path) -> Result<Self> {
        let engine = Engine::connect(run)?;
        engine.remove_leftovers()?;
        let resolved = images::resolve(&engine, Role::Train, options.image.as_deref(), workspace)?;
        if let Some(warning) = resolved.warning() {
            status!("warning: {warning}");
        }
        if options.gpus != Gpus::None {
            for gpu in engine.probe_gpus(&resolved.image, &options.gpus, GpuPath::Auto)? {
                status!("gpu {}: {}, driver {}", gpu.index, gpu.name, gpu.driver);
            }
        }
        let (hello, described) = introduce(&engine, &resolved.image, options, device)?;
        if let (Some(there), Some(here)) = (hello.commit.as_deref(), versions::commit())
            && there != here
        {
            status!("warning: the image was built from commit {there}, this program from {here}");
        }
        Ok(Self {
            engine,
            image: resolved.image,
            hello,
            device: (device.to_owned(), described),
            options: options.clone(),
        })
    }

    /// Returns what identifies the image's content: the registry's digest, else its id.
    pub fn executor(&self) -> &str {
        self.image.pin()
    }

    /// Returns name and content of the image, for people.
    pub fn words(&self) -> String {
        match self.image.digests.first() {
            Some(digest) if digest.starts_with(&self.image.name) => digest.clone(),
            _ => format!("{} ({})", self.image.name, self.executor()),
        }
    }

    /// Returns the handshake of its worker.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Describes a device of the container by name.
    ///
    /// # Errors
    /// Infra if there is no such device.
    pub fn device(&self, name: &str) -> Result<Device> {
        match &self.device {
            (asked, device) if asked == name => Ok(device.clone()),
            _ => introduce(&self.engine, &self.image, &self.options, name).map(|(_, device)| device),
        }
    }

    /// Returns a container for a program of the image; `task` is for messages.
    pub fn sandbox(&self, task: &str, command: &[&str], mounts: Vec<Mount>) -> Sandbox {
        Sandbox { mounts, ..sandbox(task, &self.image, &self.options, command) }
    }

    /// Runs a container whose program writes events. `hear` gets all of them except the first and the last, and the lines of stderr
    /// as [`Event::Message`].
    pub fn converse(&self, sandbox: &Sandbox, hear: &mut dyn FnMut(Event)) -> ContainerOutcome {
        let mut conversation = conversation_with(sandbox);
        let clock = Instant::now();
        let ended = self.engine.run(sandbox, &mut |line| tell_of(line, &mut conversation, hear));
        let used = match &ended {
            Ok(used) => Some(*used),
            Err(failure) => failure.used.as_deref().copied(),
        };
        let used = used.unwrap_or_else(|| ResourceUsage { seconds: clock.elapsed().as_secs_f64(), peak_memory: None });
        let result = match (conversation.take_error(), ended) {
            (Some(error), _) => Err(error),
            (None, Ok(_)) => conversation.end(Some(ProcessEnd::Exit(0))),
            (None, Err(mut failure)) => match *failure.cause {
                Cause::Exit { code } => conversation.end(i32::try_from(code).ok().map(ending)),
                _ => {
                    // Raw events are not meant for people.
                    failure.last_lines = conversation.last_lines();
                    Err(failure.into())
                }
            },
        };
        ContainerOutcome { result, used }
    }
}

fn sandbox(task: &str, image: &Image, options: &ContainerOptions, command: &[&str]) -> Sandbox {
    let mut environment: Vec<(String, String)> =
        PASSED_ON.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    environment.extend(worker_env::defaults().map(|(name, value)| (name.to_owned(), value.to_owned())));
    Sandbox {
        environment,
        gpus: options.gpus.clone(),
        grace: GRACE,
        limits: Limits { memory: options.memory, ..Limits::default() },
        longest_line: LONGEST_EVENT,
        ..Sandbox::new(task, image, command.iter().copied())
    }
}

fn conversation_with(sandbox: &Sandbox) -> Conversation {
    let program = sandbox.command.first().map_or("", String::as_str);
    Conversation::with(Program { who: format!("{program} in image {}", sandbox.image.name), advice: ADVICE })
}

fn tell_of(line: &Line, conversation: &mut Conversation, hear: &mut dyn FnMut(Event)) {
    match line.stream {
        Stream::Out => {
            if let Some(event) = conversation.line(&line.text) {
                hear(event);
            }
        }
        Stream::Err => {
            conversation.heard(&line.text);
            hear(Event::Message { text: line.text.clone() });
        }
        Stream::Note => hear(Event::Message { text: line.text.clone() }),
    }
}

/// Interprets an exit code: an init process reports a signal as 128 plus its number.
fn ending(code: i32) -> ProcessEnd {
    match code {
        129..160 => ProcessEnd::Signal(code - 128),
        code => ProcessEnd::Exit(code),
    }
}

/// Asks the worker of an image for its handshake and for a description of a device.
fn introduce(engine: &Engine, image: &Image, options: &ContainerOptions, device: &str) -> Result<(Hello, Device)> {
    let task = format!("ask {} for its version", image.name);
    let asked = sandbox(&task, image, options, &[worker_program::NAME, "devices", device]);
    let (mut conversation, mut found) = (conversation_with(&asked), None);
    let mut hear = |event| {
        if let Event::Device(device) = event {
            found = Some(device);
        }
    };
    let ended = engine.run(&asked, &mut |line| tell_of(line, &mut conversation, &mut hear));
    let foreign = Error::infra(format!("image {} does not contain a working repro-worker", image.name));
    match (conversation.take_error(), ended) {
        (Some(error), _) => Err(error),
        (None, Ok(_)) => match (conversation.hello(), found) {
            (Some(hello), Some(device)) => Ok((hello.clone(), device)),
            _ => Err(foreign.because("it sent no handshake").next(ADVICE)),
        },
        (None, Err(failure)) => match *failure.cause {
            Cause::Exit { .. } | Cause::CommandNotFound { .. } | Cause::NotExecutable { .. } => {
                Err(foreign.because(failure).next(ADVICE))
            }
            _ => Err(failure.into()),
        },
    }
}
