//! An engine with an image that was asked who it is.

use std::path::Path;
use std::time::Duration;

use super::protocol::{Answer, Description, PROTOCOL};
use crate::images::{self, Role};
use base::error::{Error, Result};
use base::tell;
use base::{openmp, versions};
use sandbox::sandbox::Limits;
use sandbox::{Cause, Engine, GpuPath, Gpus, Image, Mount, Sandbox};

/// For a training that is asked to stop: a snapshot of the full model has 2.6 GB.
const GRACE: Duration = Duration::from_secs(100);
/// The program in the image.
const PROGRAM: &str = "repro";
/// Variables that are passed on where they are set.
const PASSED_ON: [&str; 4] = [openmp::CHOICES[0], openmp::CHOICES[1], "NO_COLOR", "REPRO_WORKSPACE"];

/// What a person chooses of a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Another image than the program's own.
    pub image: Option<String>,
    /// GPUs.
    pub gpus: Gpus,
    /// Most memory in bytes.
    pub memory: Option<u64>,
}

/// Where stages and commands run that do not run on this machine itself.
#[derive(Debug, Clone)]
pub struct Place {
    engine: Engine,
    image: Image,
    description: Description,
    options: Options,
}

impl Place {
    /// Connects, removes what killed runs left, finds the image, looks for the GPUs in it, and asks it who it is and what `device`
    /// is there.
    ///
    /// # Errors
    /// Infra where there is no engine, no image, no such GPU or device, or where the image holds another program or another version
    /// of this one; checksum where the image is not the pinned one.
    pub fn open(run: &str, options: &Options, device: &str, workspace: &Path) -> Result<Self> {
        let engine = Engine::connect(run)?;
        engine.remove_leftovers()?;
        let resolved = images::resolve(&engine, Role::Train, options.image.as_deref(), workspace)?;
        if let Some(warning) = resolved.warning() {
            tell!("warning: {warning}");
        }
        if options.gpus != Gpus::None {
            for gpu in engine.probe_gpus(&resolved.image, &options.gpus, GpuPath::Auto)? {
                tell!("gpu {}: {}, driver {}", gpu.index, gpu.name, gpu.driver);
            }
        }
        let description = describe(&engine, &resolved.image, options, device)?;
        if let (Some(there), Some(here)) = (description.commit.as_deref(), versions::commit())
            && there != here
        {
            tell!("warning: the image was built from commit {there}, this program from {here}");
        }
        Ok(Self { engine, image: resolved.image, description, options: options.clone() })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
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

    /// Who the image is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// A container for the program with these arguments; `task` is for messages.
    pub fn sandbox(&self, task: &str, arguments: &[String], mounts: Vec<Mount>) -> Sandbox {
        Sandbox { mounts, ..sandbox(task, &self.image, &self.options, arguments) }
    }
}

fn sandbox(task: &str, image: &Image, options: &Options, arguments: &[String]) -> Sandbox {
    let mut environment: Vec<(String, String)> =
        PASSED_ON.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    if !environment.iter().any(|(name, _)| openmp::CHOICES.contains(&name.as_str())) {
        environment.push((openmp::SPINS.0.to_owned(), openmp::SPINS.1.to_owned()));
    }
    let command = std::iter::once(PROGRAM.to_owned()).chain(arguments.iter().cloned());
    Sandbox {
        environment,
        gpus: options.gpus.clone(),
        grace: GRACE,
        limits: Limits { memory: options.memory, ..Limits::default() },
        ..Sandbox::new(task, image, command)
    }
}

fn describe(engine: &Engine, image: &Image, options: &Options, device: &str) -> Result<Description> {
    let words = ["stage", "describe", "--device", device].map(str::to_owned);
    let asked = sandbox(&format!("ask {} who it is", image.name), image, options, &words);
    let mut answer = None;
    let ended = engine.run(&asked, &mut |line| answer = Answer::parse(&line.text).or(answer.take()));
    let rebuilt = |error: Error| {
        error.next("`repro images build train` builds the image anew from this source; then run this again")
    };
    match (answer, ended) {
        (Some(Answer::Failed { error }), _) => Err(error),
        (Some(Answer::Description(found)), Ok(_)) => {
            if (found.protocol, found.program.as_str()) == (PROTOCOL, env!("CARGO_PKG_VERSION")) {
                return Ok(found);
            }
            let (there, here) = (found.program, env!("CARGO_PKG_VERSION"));
            Err(rebuilt(
                Error::infra(format!("image {} holds repro {there}, this is repro {here}", image.name)).because(
                    format!("they speak edition {} and {PROTOCOL} of what is asked of an image", found.protocol),
                ),
            ))
        }
        (_, Err(failure)) if !matches!(*failure.cause, Cause::Exit { .. } | Cause::CommandNotFound { .. }) => {
            Err(failure.into())
        }
        (_, ended) => {
            let error = Error::infra(format!("image {} does not hold this program", image.name));
            Err(rebuilt(match ended {
                Err(failure) => error.because(failure),
                Ok(_) => error.because("it did not say who it is"),
            }))
        }
    }
}
