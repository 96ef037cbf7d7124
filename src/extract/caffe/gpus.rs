//! Checks before a long run which GPUs the original can use.

use crate::extract::gpu_list::GpuChoice;
use base::error::{Error, Result};
use base::progress::{Event, Observer};
use sandbox::{Engine, Failure, Gpu, GpuPath, Gpus, Image};

/// The newest compute capability that the original's Caffe supports. It is built with CUDA 9.2 at most, which supports GPUs up to
/// 7.x (Volta and Turing).
pub const NEWEST: (u32, u32) = (7, 99);

/// Looks for the chosen GPUs inside a container. Returns an empty list if none are requested.
///
/// # Errors
/// Infra if there is no GPU, or a requested one is missing or too new.
pub fn check(
    engine: &Engine,
    image: &Image,
    choice: &GpuChoice,
    path: GpuPath,
    observer: &dyn Observer,
) -> Result<Vec<Gpu>> {
    if *choice == GpuChoice::None {
        return Ok(Vec::new());
    }
    let found = engine.probe_gpus(image, &Gpus::All, path).map_err(no_gpu)?;
    let chosen = choose(&found, choice)?;
    for gpu in &chosen {
        match gpu.is_at_most(NEWEST) {
            Some(true) => {}
            Some(false) => return Err(too_new(gpu)),
            None => {
                let text = format!(
                    "the compute capability of GPU {} ({}) is unknown; the original needs 7.x or lower",
                    gpu.index, gpu.name
                );
                observer.event(&Event::Note { name: String::new(), text });
            }
        }
    }
    Ok(chosen)
}

fn no_gpu(failure: Failure) -> Error {
    Error::from(failure)
        .while_doing("the original's extractor needs a GPU")
        .because("a few images can be extracted without one: --backend caffe-cpu")
}

fn choose(found: &[Gpu], choice: &GpuChoice) -> Result<Vec<Gpu>> {
    let GpuChoice::Some(numbers) = choice else { return Ok(found.to_vec()) };
    let one = |number: &u32| {
        found.iter().find(|gpu| gpu.index == *number).cloned().ok_or_else(|| {
            let there: Vec<String> = found.iter().map(|gpu| format!("{} ({})", gpu.index, gpu.name)).collect();
            Error::infra(format!("there is no GPU {number}")).because(format!("available: {}", there.join(", ")))
        })
    };
    numbers.iter().map(one).collect()
}

fn too_new(gpu: &Gpu) -> Error {
    let (major, minor) = gpu.compute_capability.unwrap_or_default();
    Error::infra(format!(
        "GPU {} ({}, compute capability {major}.{minor}) is too new for the original's extractor",
        gpu.index, gpu.name
    ))
    .because("its Caffe is built with CUDA 9.2, which supports compute capability 7.x at most (Pascal, Volta, Turing)")
    .next(
        "use --backend native, which computes on this GPU; or choose an older one with --gpus, or use the released features: \
         `repro fetch --task vqa` (gqa, nlvr2) brings them",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(index: u32, capability: (u32, u32)) -> Gpu {
        let name = format!("Model {index}");
        Gpu { index, name, compute_capability: Some(capability), driver: "1".into(), memory: None }
    }

    #[test]
    fn gpus_are_chosen_by_number_and_refused_if_too_new() {
        let found = [gpu(0, (7, 5)), gpu(1, (8, 0))];
        let choice = |text: &str| text.parse::<GpuChoice>();
        assert_eq!(choose(&found, &choice("1,0").unwrap()).unwrap(), [found[1].clone(), found[0].clone()]);
        assert_eq!(choose(&found, &GpuChoice::All).unwrap().len(), 2);
        assert!(choose(&found, &choice("2").unwrap()).unwrap_err().to_string().contains("0 (Model 0), 1 (Model 1)"));
        assert_eq!((found[0].is_at_most(NEWEST), found[1].is_at_most(NEWEST)), (Some(true), Some(false)));
        let text = too_new(&found[1]).to_string();
        assert!(text.contains("compute capability 8.0") && text.contains("repro fetch --task vqa"), "{text}");
    }
}
