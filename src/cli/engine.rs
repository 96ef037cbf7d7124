//! Options of the commands that can run in a container.

use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;

use crate::placement::{ContainerOptions, ContainerPlace, Host, Placement};
use base::error::{Error, Result};
use sandbox::Gpus;

/// The place where a worker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineChoice {
    /// On this machine
    Host,
    /// In a container of the training image: data read-only, one writable folder, no network
    Docker,
}

/// The container options of `all`, `train`, `pretrain`, `evaluate` and `predict`.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Container")]
pub(crate) struct EngineOptions {
    /// Where to run; docker means the engine that DOCKER_HOST names, which can be Podman
    #[arg(long, value_enum, default_value = "host")]
    pub engine: EngineChoice,
    /// Image to use instead of the one that `repro images build train` builds: a name, name@digest or id
    #[arg(long, value_name = "REF")]
    pub image: Option<String>,
    /// GPUs for the container: all, or a list such as 0,1 [default: none]
    #[arg(long, value_name = "LIST")]
    pub gpus: Option<String>,
    /// Memory limit of the container, such as 12G [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
}

impl EngineOptions {
    /// Returns the placement of workers. For a container, checks the image's identity and that it has `device`. `run` is the name
    /// of the command in the labels of containers.
    ///
    /// # Errors
    /// Usage for container options without a container, or a GPU device without GPUs; those of [`ContainerPlace::open`].
    pub(crate) fn placement(&self, run: &str, device: &str, workspace: &Path) -> Result<Placement> {
        Ok(match self.container_options(device)? {
            None => Placement::Host(Host),
            Some(options) => Placement::Container(Arc::new(ContainerPlace::open(run, &options, device, workspace)?)),
        })
    }

    /// Returns the container options; `None` for this machine.
    pub(crate) fn container_options(&self, device: &str) -> Result<Option<ContainerOptions>> {
        if self.engine == EngineChoice::Host {
            let given = [
                ("--image", self.image.is_some()),
                ("--gpus", self.gpus.is_some()),
                ("--memory", self.memory.is_some()),
            ];
            return match given.into_iter().find(|(_, given)| *given) {
                Some((option, _)) => Err(Error::usage(format!("{option} needs --engine docker"))
                    .next(format!("add --engine docker, or omit {option}"))),
                None => Ok(None),
            };
        }
        let gpus = match self.gpus.as_deref() {
            None | Some("") => Gpus::None,
            Some("all") => Gpus::All,
            Some(list) => Gpus::Some(list.split(',').map(|gpu| gpu.trim().to_owned()).collect()),
        };
        if device.starts_with("cuda") && gpus == Gpus::None {
            return Err(Error::usage(format!("--device {device} needs a GPU, but the container gets none"))
                .next("pass --gpus all, or a list such as --gpus 0"));
        }
        Ok(Some(ContainerOptions { image: self.image.clone(), gpus, memory: self.memory }))
    }
}

/// Parses a number of bytes, with K, M, G or T for powers of 1024.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size: use a number of bytes, or a number with K, M, G or T such as 12G");
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
        .ok_or_else(|| format!("{text:?} is less than 6M or too large"))
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
