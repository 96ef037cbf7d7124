//! Options of the commands that can run in a container, and the way there.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;

use clap::ValueEnum;

use super::stopping::{OUTSIDE, to_resume};
use crate::placement::{HARNESS, Host, Mounts, Options, Place, Placement, Touched};
use base::cleanup::TemporaryFolder;
use base::error::{Error, Result};
use base::files;
use base::stdout;
use base::tell;
use sandbox::{Cause, Gpus, Stream};

/// Where the arithmetic runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Where {
    /// In this program
    Host,
    /// In the training image, isolated: data read-only, one folder to write, no network
    Docker,
}

/// Shared by `all`, `train`, `evaluate` and `predict`.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Container")]
pub struct EngineOptions {
    /// Where it runs; docker is any engine that DOCKER_HOST names, Podman's too
    #[arg(long, value_enum, default_value = "host")]
    pub engine: Where,
    /// Another image than the one that `repro images build train` makes: a name, name@digest or id
    #[arg(long, value_name = "REF")]
    pub image: Option<String>,
    /// GPUs for the container: all, or a list such as 0,1 [default: none]
    #[arg(long, value_name = "LIST")]
    pub gpus: Option<String>,
    /// Most memory for the container, such as 12G [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
}

impl EngineOptions {
    /// Where work is done; in a container, the image has been asked who it is and what `device` is there. `run` names what is
    /// run, for the containers' labels.
    ///
    /// # Errors
    /// Usage for options that only a container has, and for a GPU device without GPUs; as [`Place::open`].
    pub fn placement(&self, run: &str, device: &str, workspace: &Path) -> Result<Placement> {
        Ok(match self.place(device)? {
            None => Placement::Host(Host),
            Some(options) => Placement::Container(Rc::new(Place::open(run, &options, device, workspace)?)),
        })
    }

    /// What a person chose of a container; `None` for this machine.
    pub fn place(&self, device: &str) -> Result<Option<Options>> {
        if self.engine == Where::Host {
            let given = [
                ("--image", self.image.is_some()),
                ("--gpus", self.gpus.is_some()),
                ("--memory", self.memory.is_some()),
            ];
            return match given.into_iter().find(|(_, given)| *given) {
                Some((option, _)) => {
                    Err(Error::usage(format!("{option} belongs to --engine docker")).next("add that, or leave it out"))
                }
                None => Ok(None),
            };
        }
        let gpus = match self.gpus.as_deref() {
            None | Some("") => Gpus::None,
            Some("all") => Gpus::All,
            Some(list) => Gpus::Some(list.split(',').map(|gpu| gpu.trim().to_owned()).collect()),
        };
        if device.starts_with("cuda") && gpus == Gpus::None {
            return Err(Error::usage(format!("--device {device} needs a GPU, and the container gets none"))
                .next("pass --gpus all, or those that it may use"));
        }
        Ok(Some(Options { image: self.image.clone(), gpus, memory: self.memory }))
    }
}

/// Runs this very command line in the image, with what it touches at the same places. What it prints is printed; the exit code
/// is its own. What it `touches` may take long to make ready: the engine, the image and the device are looked at before.
///
/// # Errors
/// What stands in the way of the container, or ends it from outside.
pub fn run_inside(
    name: &str,
    options: &Options,
    device: &str,
    workspace: &Path,
    touches: impl FnOnce() -> Result<Touched>,
) -> Result<u8> {
    let place = Place::open(name, options, device, workspace)?;
    let touched = touches()?;
    let mut mounts = Mounts::new();
    for path in &touched.reads {
        mounts.read(path)?;
    }
    if let Some(folder) = &touched.folder {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
        mounts.write(folder)?;
    }
    // A file's folder may hold anything: it lands in a folder of its own first.
    let landing = match &touched.file {
        Some(file) => {
            Some((file, TemporaryFolder::new(None).map_err(|e| Error::io("write in", &std::env::temp_dir(), &e))?))
        }
        None => None,
    };
    if let Some((file, landing)) = &landing {
        mounts.write_elsewhere(files::folder_of(file), landing.path())?;
    }
    let inner = inner_arguments(std::env::args_os().skip(1))?;
    let command: Vec<&str> = std::iter::once(HARNESS).chain(inner.iter().map(String::as_str)).collect();
    let mut sandbox = place.sandbox(name, &command, mounts.finish()?);
    let here = std::env::current_dir().map_err(|e| Error::io("find", Path::new("."), &e))?;
    if here.to_str().is_none() {
        return Err(Error::usage(format!(
            "the current folder {here:?} is not UTF-8, which a container's paths must be"
        ))
        .next("run it from another folder"));
    }
    sandbox.workdir = Some(here);
    sandbox.environment.push((OUTSIDE.to_owned(), to_resume()));
    let ended = place.engine().run(&sandbox, &mut |line| match line.stream {
        Stream::Out => stdout::line(&line.text),
        Stream::Err | Stream::Note => tell!("{}", line.text),
    });
    if let Err(failure) = ended {
        // Where it ended by itself, it has said why.
        return exit_code(&failure.cause).map_or_else(|| Err(failure.into()), Ok);
    }
    if let Some((file, landing)) = &landing {
        let landed = landing.path().join(file.file_name().unwrap_or_default());
        let mut from = files::open_regular(&landed)?;
        files::write_atomically(file, |out| {
            std::io::copy(&mut from, out).and_then(|_| out.flush()).map_err(|e| Error::io("write", file, &e))
        })?;
    }
    Ok(base::exit::PASS)
}

fn exit_code(cause: &Cause) -> Option<u8> {
    match cause {
        Cause::Exit { code } => u8::try_from(*code).ok(),
        _ => None,
    }
}

/// The command line without the options of [`EngineOptions`].
fn inner_arguments(all: impl Iterator<Item = OsString>) -> Result<Vec<String>> {
    const OURS: [&str; 4] = ["--engine", "--image", "--gpus", "--memory"];
    let (mut inner, mut skip) = (Vec::new(), false);
    for argument in all {
        let argument = argument.into_string().map_err(|argument| {
            Error::usage(format!("{} is not UTF-8, which a container's command must be", argument.display()))
        })?;
        let named = argument.split_once('=').map_or(argument.as_str(), |(name, _)| name);
        if std::mem::take(&mut skip) {
            continue;
        }
        match OURS.contains(&named) {
            true => skip = named == argument,
            false => inner.push(argument),
        }
    }
    Ok(inner)
}

/// Bytes: a number, with K, M, G or T for powers of 1024.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size: use a number of bytes, or one with K, M, G or T such as 12G");
    let text_upper = text.trim().to_ascii_uppercase();
    let text_upper = text_upper.strip_suffix("IB").or(text_upper.strip_suffix('B')).unwrap_or(&text_upper);
    let digits = text_upper.trim_end_matches(['K', 'M', 'G', 'T']);
    let unit = match &text_upper[digits.len()..] {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1_u64 << 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.trim().parse().map_err(|_| wrong())?;
    number
        .checked_mul(unit)
        .filter(|bytes| *bytes >= 6 << 20)
        .ok_or_else(|| format!("{text:?} is below 6M or too much"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_container_gets_the_command_without_the_container() {
        let line = "train vqa --engine docker --tiny --image=a:1 --gpus 0,1 --memory 8G --output x";
        let inner = inner_arguments(line.split(' ').map(OsString::from)).unwrap();
        assert_eq!(inner.join(" "), "train vqa --tiny --output x");
    }

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("8388608", Some(8 << 20)), ("12G", Some(12 << 30)), ("7MiB", Some(7 << 20)), ("8gb", Some(8 << 30))]
        {
            assert_eq!(size(text).ok(), bytes, "{text}");
        }
        for text in ["", "G", "1", "1GG", "-1G", "99999999999T", "1.5G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
