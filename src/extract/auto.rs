//! The choice between the original's image and the native detector.

use super::caffe::gpus::NEWEST;
use super::gpu_list::GpuChoice;
use crate::nvidia_smi::ListedGpu;
use base::error::{Error, Result};

/// A choice of extractor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extractor {
    /// The original's script in its image.
    Caffe,
    /// The detector on libtorch.
    Native,
}

impl Extractor {
    /// Returns its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Caffe => "caffe",
            Self::Native => "native",
        }
    }
}

/// Chooses an extractor, and says why, in words that follow its name: the original's image where every GPU of `choice` is old enough for it, else the native detector.
/// `listed` is what nvidia-smi says, `None` if it is not installed.
///
/// # Errors
/// Infra if nvidia-smi fails, since then a GPU may be there that nothing would be computed on; or if there is no GPU of a chosen number.
pub fn choose(listed: Option<Result<Vec<ListedGpu>, String>>, choice: &GpuChoice) -> Result<(Extractor, String)> {
    let native = |why: String| Ok((Extractor::Native, why));
    if *choice == GpuChoice::None {
        return native("on the CPU, since no GPU is wanted".to_owned());
    }
    let found = match listed {
        None if matches!(choice, GpuChoice::All) => {
            return native("on the CPU, since no nvidia-smi lists a GPU".to_owned());
        }
        None => Vec::new(),
        Some(Ok(found)) => found,
        Some(Err(why)) => {
            return Err(Error::infra(format!("nvidia-smi fails: {why}"))
                .because("so nothing can tell whether a GPU can be used")
                .next("look for the cause with repro doctor, or pass --gpus none to compute on the CPU"));
        }
    };
    let chosen = chosen(&found, choice)?;
    if chosen.is_empty() {
        return native("on the CPU, since nvidia-smi lists no GPU".to_owned());
    }
    let (major, minor) = NEWEST;
    let unfit = chosen.iter().find(|gpu| gpu.capability.is_none_or(|capability| capability > (major, minor)));
    match unfit {
        None => {
            let names: Vec<String> = chosen.iter().map(|gpu| named(gpu)).collect();
            Ok((Extractor::Caffe, format!("since the original's image supports GPU {}", names.join(", "))))
        }
        Some(gpu) => native(format!(
            "on the GPU, since the original's image supports compute capability {major}.x at most, not GPU {}",
            named(gpu)
        )),
    }
}

fn chosen<'g>(found: &'g [ListedGpu], choice: &GpuChoice) -> Result<Vec<&'g ListedGpu>> {
    let GpuChoice::Some(numbers) = choice else { return Ok(found.iter().collect()) };
    let one = |number: &u32| {
        found.iter().find(|gpu| gpu.index == *number).ok_or_else(|| {
            let there: Vec<String> = found.iter().map(named).collect();
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            Error::infra(format!("there is no GPU {number}"))
                .because(format!("available: {there}"))
                .next("name others with --gpus, or pass --gpus none to compute on the CPU")
        })
    };
    numbers.iter().map(one).collect()
}

fn named(gpu: &ListedGpu) -> String {
    let capability = gpu.capability.map_or_else(|| "unknown".to_owned(), |(major, minor)| format!("{major}.{minor}"));
    format!("{} ({}, compute capability {capability})", gpu.index, gpu.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpus(capabilities: &[(u32, u32)]) -> Option<Result<Vec<ListedGpu>, String>> {
        let gpu = |(index, capability): (usize, &(u32, u32))| ListedGpu {
            index: index as u32,
            name: format!("Model {index}"),
            driver: None,
            capability: Some(*capability),
        };
        Some(Ok(capabilities.iter().enumerate().map(gpu).collect()))
    }

    #[test]
    fn the_original_where_its_gpu_is_supported_native_elsewhere() {
        use Extractor::{Caffe, Native};
        let all = GpuChoice::All;
        let first = GpuChoice::Some(vec![0]);
        for (listed, choice, expected, says) in [
            (gpus(&[(6, 1)]), &all, Caffe, "supports GPU 0 (Model 0, compute capability 6.1)"),
            (gpus(&[(7, 5)]), &all, Caffe, "7.5"),
            (gpus(&[(8, 9)]), &all, Native, "on the GPU, since the original's image supports compute capability 7.x"),
            (gpus(&[(7, 5), (8, 9)]), &all, Native, "not GPU 1 (Model 1, compute capability 8.9)"),
            (gpus(&[(7, 5), (8, 9)]), &first, Caffe, "GPU 0"),
            (gpus(&[(7, 5)]), &GpuChoice::None, Native, "on the CPU, since no GPU is wanted"),
            (gpus(&[]), &all, Native, "on the CPU, since nvidia-smi lists no GPU"),
            (None, &all, Native, "on the CPU, since no nvidia-smi lists a GPU"),
        ] {
            let (extractor, why) = choose(listed, choice).unwrap();
            assert!(extractor == expected && why.contains(says), "{extractor:?}: {why}");
        }
        let failed = choose(Some(Err("no answer".into())), &all).unwrap_err().to_string();
        assert!(failed.contains("no answer") && failed.contains("--gpus none"), "{failed}");
        let missing = choose(None, &first).unwrap_err().to_string();
        assert!(missing.contains("there is no GPU 0") && missing.contains("available: none"), "{missing}");
    }
}
