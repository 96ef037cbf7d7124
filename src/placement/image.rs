//! An engine with an image that was asked who it is.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::find;
use super::talk::{Ending, Speaker, Talk};
use crate::images::{self, Role};
use base::error::{Error, Result};
use base::{openmp, status, versions};
use protocol::{Device, Event, Hello};
use sandbox::{Cause, Ended, Engine, GpuPath, Gpus, Image, Limits, Line, Mount, Sandbox, Stream};

/// For a training that is asked to stop: a snapshot of the full model has 2.6 GB.
const GRACE: Duration = Duration::from_secs(100);
/// This program in the image.
pub const HARNESS: &str = "repro";
/// Variables that are passed on where they are set.
const PASSED_ON: [&str; 4] = [openmp::OVERRIDES[0], openmp::OVERRIDES[1], "NO_COLOR", "REPRO_WORKSPACE"];
/// What makes an image that fits.
const REPLACE: &str = "`repro images build train` builds the image anew from this source; then run this again";
/// Bytes of the longest event: answers of a whole task.
const LONGEST_EVENT: usize = 16 << 20;

/// What a person chooses of containers.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Another image than the program's own.
    pub image: Option<String>,
    /// GPUs.
    pub gpus: Gpus,
    /// Most memory in bytes.
    pub memory: Option<u64>,
}

/// An image whose worker fits this program, on an engine that runs it.
#[derive(Debug, Clone)]
pub struct Place {
    engine: Engine,
    image: Image,
    hello: Hello,
    /// What was asked for when it was opened, and what that is.
    device: (String, Device),
    options: Options,
}

/// How a container ended, and what it used.
#[derive(Debug)]
pub struct Outcome {
    /// The result, or what went wrong.
    pub result: Result<Value>,
    /// What it used; wall time alone where the engine does not say.
    pub used: Ended,
}

impl Place {
    /// Connects, removes what killed runs left, finds the image, looks for the GPUs in it, and asks its worker who it is and what
    /// `device` is there.
    ///
    /// # Errors
    /// Infra where there is no engine, no image, no such GPU or device, or where the image holds another program or a worker of
    /// another version; checksum where the image is not the pinned one.
    pub fn open(run: &str, options: &Options, device: &str, workspace: &Path) -> Result<Self> {
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

    /// The image by its content: the registry's digest, else its id.
    pub fn executor(&self) -> &str {
        self.image.pin()
    }

    /// The image by name and content, for people.
    pub fn words(&self) -> String {
        match self.image.digests.first() {
            Some(digest) if digest.starts_with(&self.image.name) => digest.clone(),
            _ => format!("{} ({})", self.image.name, self.executor()),
        }
    }

    /// Who its worker is.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// The device of a name there, described.
    ///
    /// # Errors
    /// Infra where there is none such.
    pub fn device(&self, name: &str) -> Result<Device> {
        match &self.device {
            (asked, device) if asked == name => Ok(device.clone()),
            _ => introduce(&self.engine, &self.image, &self.options, name).map(|(_, device)| device),
        }
    }

    /// A container for a program of the image; `task` is for messages.
    pub fn sandbox(&self, task: &str, command: &[&str], mounts: Vec<Mount>) -> Sandbox {
        Sandbox { mounts, ..sandbox(task, &self.image, &self.options, command) }
    }

    /// Runs a container whose program speaks events. `hear` is told all of them but the first and the last, and the lines of its
    /// stderr as [`Event::Said`].
    pub fn converse(&self, sandbox: &Sandbox, hear: &mut dyn FnMut(Event)) -> Outcome {
        let mut talk = talk_with(sandbox);
        let clock = Instant::now();
        let ended = self.engine.run(sandbox, &mut |line| tell_of(line, &mut talk, hear));
        let used = match &ended {
            Ok(used) => Some(*used),
            Err(failure) => failure.used.as_deref().copied(),
        };
        let used = used.unwrap_or_else(|| Ended { seconds: clock.elapsed().as_secs_f64(), peak_memory: None });
        let result = match (talk.take_error(), ended) {
            (Some(error), _) => Err(error),
            (None, Ok(_)) => talk.end(Some(Ending::Exit(0))),
            (None, Err(mut failure)) => match *failure.cause {
                Cause::Exit { code } => talk.end(i32::try_from(code).ok().map(ending)),
                _ => {
                    // Not events, which say nothing to a person.
                    failure.last_lines = talk.last_lines();
                    Err(failure.into())
                }
            },
        };
        Outcome { result, used }
    }
}

fn sandbox(task: &str, image: &Image, options: &Options, command: &[&str]) -> Sandbox {
    let mut environment: Vec<(String, String)> =
        PASSED_ON.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    environment.extend(openmp::default_env().map(|(name, value)| (name.to_owned(), value.to_owned())));
    Sandbox {
        environment,
        gpus: options.gpus.clone(),
        grace: GRACE,
        limits: Limits { memory: options.memory, ..Limits::default() },
        longest_line: LONGEST_EVENT,
        ..Sandbox::new(task, image, command.iter().copied())
    }
}

fn talk_with(sandbox: &Sandbox) -> Talk {
    let program = sandbox.command.first().map_or("", String::as_str);
    Talk::with(Speaker { who: format!("{program} in image {}", sandbox.image.name), replace: REPLACE })
}

fn tell_of(line: &Line, talk: &mut Talk, hear: &mut dyn FnMut(Event)) {
    match line.stream {
        Stream::Out => {
            if let Some(event) = talk.line(&line.text) {
                hear(event);
            }
        }
        Stream::Err => {
            talk.heard(&line.text);
            hear(Event::Said { text: line.text.clone() });
        }
        Stream::Note => hear(Event::Said { text: line.text.clone() }),
    }
}

/// What an exit code says: an init process tells of a signal by 128 and its number.
fn ending(code: i32) -> Ending {
    match code {
        129..160 => Ending::Signal(code - 128),
        code => Ending::Exit(code),
    }
}

/// Asks the worker of an image who it is, and what a device is there.
fn introduce(engine: &Engine, image: &Image, options: &Options, device: &str) -> Result<(Hello, Device)> {
    let task = format!("ask {} who it is", image.name);
    let asked = sandbox(&task, image, options, &[find::NAME, "devices", device]);
    let (mut talk, mut found) = (talk_with(&asked), None);
    let mut hear = |event| {
        if let Event::Device(device) = event {
            found = Some(device);
        }
    };
    let ended = engine.run(&asked, &mut |line| tell_of(line, &mut talk, &mut hear));
    let foreign = Error::infra(format!("image {} does not hold this program", image.name));
    match (talk.take_error(), ended) {
        (Some(error), _) => Err(error),
        (None, Ok(_)) => match (talk.hello(), found) {
            (Some(hello), Some(device)) => Ok((hello.clone(), device)),
            _ => Err(foreign.because("it did not say who it is").next(REPLACE)),
        },
        (None, Err(failure)) => match *failure.cause {
            Cause::Exit { .. } | Cause::CommandNotFound { .. } | Cause::NotExecutable { .. } => {
                Err(foreign.because(failure).next(REPLACE))
            }
            _ => Err(failure.into()),
        },
    }
}
