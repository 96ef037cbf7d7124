//! Options of the commands that can run in a container, and the way there.

use std::path::Path;
use std::rc::Rc;

use clap::ValueEnum;

use crate::placement::{ContainerOptions, ContainerPlace, Host, Placement};
use base::error::{Error, Result};
use sandbox::Gpus;

/// Where the arithmetic runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Where {
    /// On this machine
    Host,
    /// In the training image, isolated: data read-only, one folder to write, no network
    Docker,
}

/// Shared by `all`, `train`, `evaluate` and `predict`.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Container")]
pub(crate) struct EngineOptions {
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
    /// Usage for options that only a container has, and for a GPU device without GPUs; as [`ContainerPlace::open`].
    pub(crate) fn placement(&self, run: &str, device: &str, workspace: &Path) -> Result<Placement> {
        Ok(match self.place(device)? {
            None => Placement::Host(Host),
            Some(options) => Placement::Container(Rc::new(ContainerPlace::open(run, &options, device, workspace)?)),
        })
    }

    /// What a person chose of a container; `None` for this machine.
    pub(crate) fn place(&self, device: &str) -> Result<Option<ContainerOptions>> {
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
        Ok(Some(ContainerOptions { image: self.image.clone(), gpus, memory: self.memory }))
    }
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
