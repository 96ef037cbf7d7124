//! The options of the extractors.

use std::path::PathBuf;

use super::super::engine::EngineChoice;
use super::super::number_parsers::count;
use super::super::value_parsers::gpu_path;
use crate::extract::caffe::cpu;
use crate::extract::gpu_list::GpuChoice;
use base::error::{Error, Result};
use protocol::BoxNumbers;
use sandbox::GpuPath;

/// The boxes of the released files.
const RELEASED: BoxNumbers = BoxNumbers { least: 36, most: 36, threshold: 0.2 };
/// The most boxes that an image can get: as many as are proposed.
const MOST_BOXES: usize = 300;

/// The options of containers and of GPUs.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Container and GPUs")]
pub(super) struct ContainerOptions {
    /// Numbers of the GPUs, such as 0,1; all; or none, to compute on the CPU (native) [default: all]
    #[arg(long, value_name = "LIST")]
    gpus: Option<GpuChoice>,
    /// How containers get access to the GPUs
    #[arg(long, value_parser = gpu_path(), default_value = "auto")]
    pub gpu_path: GpuPath,
    /// Image to use instead of airsplay/bottom-up-attention; with --engine docker, instead of the training image
    #[arg(long, value_name = "REF")]
    pub image: Option<String>,
    /// Number of containers or workers at the same time [default: one per GPU, or one without GPUs]
    #[arg(long, visible_alias = "workers", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub shards: Option<u16>,
    /// Memory limit of each container, such as 24G [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
    /// Stop a container that prints nothing for this long; the script prints a line for each image
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..))]
    pub silence: u64,
}

impl ContainerOptions {
    /// Returns the GPUs to use.
    pub(super) fn gpus(&self) -> GpuChoice {
        self.gpus.clone().unwrap_or(GpuChoice::All)
    }

    /// Checks that no GPU is asked for.
    ///
    /// # Errors
    /// Usage if one is.
    pub(super) fn refuse_gpus(&self) -> Result<()> {
        cpu::refuse_gpus(self.gpus.as_ref())
    }

    /// Checks that no option is given that means a container only.
    ///
    /// # Errors
    /// Usage for the first that is.
    pub(super) fn refuse_without_container(&self) -> Result<()> {
        let given = [("--image", self.image.is_some()), ("--memory", self.memory.is_some())];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Error::usage(format!("{option} needs --engine docker, or --backend caffe"))
                .next(format!("add one of them, or omit {option}"))),
            None => Ok(()),
        }
    }
}

/// The options that only the native detector has.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Native detector")]
pub(super) struct NativeOptions {
    /// Where its workers run; docker means the training image
    #[arg(long, value_enum, default_value = "host")]
    pub engine: EngineChoice,
    /// Weights, a .caffemodel or what repro convert made of it [default: the fetched ones of the workspace]
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// CPU threads of each worker [default: all cores]. The last bits of the features depend on them, not on the number of workers
    #[arg(long, value_name = "N", value_parser = count::<u16>, allow_negative_numbers = true)]
    pub threads: Option<u16>,
    /// Boxes of an image, such as 10..100: those over the threshold, but as many at least and at most [default: 36..36]
    #[arg(long, value_name = "MIN..MAX", value_parser = boxes)]
    pub boxes: Option<(usize, usize)>,
    /// Confidence from which a box counts [default: 0.2]
    #[arg(long, value_name = "T", value_parser = threshold, allow_negative_numbers = true)]
    pub threshold: Option<f64>,
}

impl NativeOptions {
    /// Returns how many boxes an image gets.
    pub(super) fn box_numbers(&self) -> BoxNumbers {
        let (least, most) = self.boxes.unwrap_or((RELEASED.least, RELEASED.most));
        BoxNumbers { least, most, threshold: self.threshold.unwrap_or(RELEASED.threshold) }
    }

    /// Returns an option that was given and that no other extractor has.
    pub(super) fn given(&self) -> Option<&'static str> {
        let given = [
            ("--engine docker", self.engine == EngineChoice::Docker),
            ("--weights", self.weights.is_some()),
            ("--threads", self.threads.is_some()),
            ("--boxes", self.boxes.is_some()),
            ("--threshold", self.threshold.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }

    /// Checks that none of these options is given.
    ///
    /// # Errors
    /// Usage for the first that is.
    pub(super) fn refuse(&self, backend: &str) -> Result<()> {
        match self.given() {
            Some(option) => Err(Error::usage(format!("{option} is for the native detector, not for {backend}"))
                .next(format!("omit it, or use --backend native instead of {backend}"))),
            None => Ok(()),
        }
    }
}

/// Parses the numbers of boxes: `10..100`, or `36` for exactly as many.
fn boxes(text: &str) -> Result<(usize, usize), String> {
    let number = |text: &str| text.trim().parse::<usize>().ok().filter(|number| (1..=MOST_BOXES).contains(number));
    let numbers = match text.split_once("..") {
        Some((least, most)) => number(least).zip(number(most.trim_start_matches('='))),
        None => number(text).map(|number| (number, number)),
    };
    numbers.filter(|(least, most)| least <= most).ok_or_else(|| {
        format!("it must be two numbers from 1 to {MOST_BOXES} such as 10..100, the smaller first, or one such as 36")
    })
}

fn threshold(text: &str) -> Result<f64, String> {
    let wrong = "it must be a number from 0 to 1 such as 0.2";
    text.parse::<f64>().ok().filter(|value| (0.0..=1.0).contains(value)).ok_or_else(|| wrong.to_owned())
}

/// Parses a size such as `24G` in decimal units, or `24GiB` in binary ones.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err("it must be a size such as 500M, 24G or 24GiB".into()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "it must be a size such as 500M, 24G or 24GiB".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(["24G", "512MiB", "7"].map(size), [Ok(24_000_000_000), Ok(512 << 20), Ok(7)]);
        assert!(["", "G", "0", "1T", "99999999999G"].iter().all(|text| size(text).is_err()));
    }

    #[test]
    fn numbers_of_boxes() {
        assert_eq!(["10..100", "36", "1..=300"].map(boxes), [Ok((10, 100)), Ok((36, 36)), Ok((1, 300))]);
        assert!(["", "0", "100..10", "1..301", "a..b", "10.."].iter().all(|text| boxes(text).is_err()));
        assert!(["-0.1", "1.1", "NaN", ""].iter().all(|text| threshold(text).is_err()) && threshold("0") == Ok(0.0));
    }
}
