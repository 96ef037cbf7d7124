//! Looks for GPUs from inside a container, since an engine may accept a request and still provide none.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::engine::Engine;
use super::super::failure::{Cause, Failure};
use super::super::gpu_choice::Gpus;
use super::super::image_name::Image;
use super::super::output::Stream;
use super::super::sandbox::Sandbox;
use super::{GpuPath, capability, supports_gpu_requests};

/// Time limit of nvidia-smi: machines with eight GPUs and no persistent driver take tens of seconds.
const TIME_LIMIT: Duration = Duration::from_secs(180);

/// A GPU as a container sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// Number in the container.
    pub index: u32,
    /// Model, such as `Tesla V100-SXM2-16GB`.
    pub name: String,
    /// Major and minor number; `None` if the driver does not report it and the model is unknown.
    pub compute_capability: Option<(u32, u32)>,
    /// Version of the driver.
    pub driver: String,
    /// Memory in bytes; `None` if the driver does not report it.
    pub memory: Option<u64>,
}

impl Gpu {
    /// Returns whether its compute capability is at most `newest`; `None` if it is unknown.
    pub fn is_at_most(&self, newest: (u32, u32)) -> Option<bool> {
        self.compute_capability.map(|capability| capability <= newest)
    }

    /// Parses a line of the output of [`query`]: index, name, compute capability if `with_capability`, driver, memory in MiB.
    fn parse(line: &str, with_capability: bool) -> Option<Self> {
        let (index, rest) = line.split_once(',')?;
        let (rest, memory) = rest.rsplit_once(',')?;
        let (rest, driver) = rest.rsplit_once(',')?;
        let (name, number) = if with_capability { rest.rsplit_once(',')? } else { (rest, "") };
        let capability = number.trim().split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let name = name.trim();
        Some(Self {
            index: index.trim().parse().ok()?,
            name: name.to_owned(),
            compute_capability: capability.or_else(|| capability::by_name(name)),
            driver: driver.trim().to_owned(),
            memory: memory.trim().parse::<u64>().ok().and_then(|mebibytes| mebibytes.checked_mul(1 << 20)),
        })
    }
}

/// Returns the nvidia-smi command. Drivers before 510 do not support `with_capability`.
fn query(with_capability: bool) -> [String; 3] {
    let capability = if with_capability { ",compute_cap" } else { "" };
    let query = format!("--query-gpu=index,name{capability},driver_version,memory.total");
    ["nvidia-smi".to_owned(), query, "--format=csv,noheader,nounits".to_owned()]
}

impl Engine {
    /// Returns the GPUs that a container of an image gets, as reported by nvidia-smi, which NVIDIA's toolkit adds to it.
    ///
    /// # Errors
    /// [`Cause::NoGpu`] if the engine refuses, or the container sees no GPU or another number than requested; else the errors
    /// of [`Self::run`].
    pub fn probe_gpus(&self, image: &Image, gpus: &Gpus, path: GpuPath) -> Result<Vec<Gpu>, Failure> {
        let mut with_capability = true;
        let mut output = self.run_nvidia_smi(image, gpus, path, with_capability);
        if let Err(failure) = &output
            && failure.last_lines.iter().any(|line| line.contains("compute_cap"))
        {
            with_capability = false;
            output = self.run_nvidia_smi(image, gpus, path, with_capability);
        }
        let missing = |why: String| Failure {
            task: "look for a GPU".into(),
            ..Failure::from(Cause::no_gpu(why, path, self.facts()))
        };
        let lines = output.map_err(|failure| match &*failure.cause {
            Cause::CommandNotFound { .. } if !supports_gpu_requests(self.facts()) => {
                missing(format!("Podman {} ignored the request, and nvidia-smi is missing", self.facts().version))
            }
            Cause::CommandNotFound { .. } => {
                missing("nvidia-smi is missing, which NVIDIA's toolkit adds to containers".into())
            }
            Cause::Exit { code } => {
                let last = failure.last_lines.last().map_or("nothing", String::as_str);
                missing(format!("nvidia-smi ended with exit code {code}; its last line: {last}"))
            }
            _ => failure,
        })?;
        let found = lines
            .iter()
            .map(|line| {
                Gpu::parse(line, with_capability)
                    .ok_or_else(|| missing(format!("the output of nvidia-smi cannot be parsed: {line}")))
            })
            .collect::<Result<Vec<Gpu>, Failure>>()?;
        match gpus {
            _ if found.is_empty() => Err(missing("nvidia-smi lists no GPU".into())),
            // Several partitions (MIG) of one GPU are listed as one.
            Gpus::Some(ids)
                if ids.len() != found.len() && !ids.iter().any(|id| id.contains(':') || id.starts_with("MIG")) =>
            {
                Err(missing(format!(
                    "{} were requested ({}), nvidia-smi lists {}",
                    ids.len(),
                    ids.join(","),
                    found.len()
                )))
            }
            _ => Ok(found),
        }
    }

    /// Runs nvidia-smi in a container and returns its output without empty lines.
    fn run_nvidia_smi(
        &self,
        image: &Image,
        gpus: &Gpus,
        path: GpuPath,
        with_capability: bool,
    ) -> Result<Vec<String>, Failure> {
        let mut sandbox = Sandbox::new("look for a GPU", image, query(with_capability));
        sandbox.gpus = gpus.clone();
        sandbox.gpu_path = path;
        sandbox.timeouts.total = Some(TIME_LIMIT);
        let mut lines = Vec::new();
        self.run(&sandbox, &mut |line| {
            if line.stream == Stream::Out && !line.text.trim().is_empty() {
                lines.push(line.text.clone());
            }
        })?;
        // Some versions exit with 0 without a GPU.
        lines.retain(|line| !line.contains("No devices were found"));
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_nvidia_smi_are_parsed() {
        let gpu = Gpu::parse("0, Tesla V100-SXM2-16GB, 7.0, 535.183.01, 16384", true).unwrap();
        assert_eq!((gpu.index, gpu.name.as_str(), gpu.driver.as_str()), (0, "Tesla V100-SXM2-16GB", "535.183.01"));
        assert_eq!((gpu.compute_capability, gpu.memory), (Some((7, 0)), Some(16 << 30)));
        assert_eq!((gpu.is_at_most((7, 0)), gpu.is_at_most((6, 9))), (Some(true), Some(false)));
        // Before driver 510 the capability comes from the name.
        let old = Gpu::parse("1, GeForce GTX 1080 Ti, 418.87.00, 11178", false).unwrap();
        assert_eq!((old.index, old.compute_capability), (1, Some((6, 1))));
        let shared = Gpu::parse("0, NVIDIA GB10, [N/A], 580.95.05, [N/A]", true).unwrap();
        assert_eq!((shared.compute_capability, shared.memory), (Some((12, 1)), None));
        let unknown = Gpu::parse("0, Graphics Device, a, with commas, 9.x, 1, 99999999999999999999", true).unwrap();
        assert_eq!((unknown.name.as_str(), unknown.compute_capability), ("Graphics Device, a, with commas", None));
        assert_eq!((unknown.memory, unknown.is_at_most((7, 5))), (None, None));
        for line in ["", "0", "a, b, 7.0, 1, 2", "-1, b, 7.0, 1, 2", "NVIDIA-SMI has failed", "0, b, 1", "0,1,2,3"] {
            assert_eq!(Gpu::parse(line, true), None, "{line}");
        }
    }
}
