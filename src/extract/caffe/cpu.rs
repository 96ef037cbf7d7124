//! Runs the original's script without a GPU: a module in the container makes its Caffe compute on the processor.

use std::path::Path;

use crate::extract::gpu_list::GpuChoice;
use base::error::{Error, Result};
use base::files;
use base::format::{number_of, rough_time};
use sandbox::{Mount, Sandbox};

/// The module that runs the script.
const MODULE: &str = include_str!("run_on_cpu.py");
const MODULE_NAME: &str = "run_on_cpu.py";
/// Memory of a container in bytes. Caffe keeps every value of the network's head for 300 boxes: its process took 12.9 GB.
const MEMORY: u64 = 13 << 30;
/// Threads of a container. Fixed, since sums of another number of threads round differently; `SECONDS` and `MEMORY` were measured
/// with two.
pub(super) const THREADS: usize = 2;
/// Seconds for an image of 640x480, by two threads of OpenBLAS, after the first image, which takes twice as long.
const SECONDS: f64 = 20.0;
/// Number of images from which on other ways are pointed out.
const MANY: usize = 1000;

/// Refuses a choice of GPUs.
///
/// # Errors
/// Usage if `--gpus` names any.
pub fn refuse_gpus(choice: Option<&GpuChoice>) -> Result<()> {
    match choice {
        None | Some(GpuChoice::None) => Ok(()),
        Some(_) => Err(Error::usage("--gpus: --backend caffe-cpu uses no GPU")
            .next("omit --gpus, or use --backend caffe to extract with GPUs")),
    }
}

/// Returns what is particular to this way, for people, before anything is started: time and memory.
pub fn forecast(images: usize, containers: usize) -> String {
    let (memory, time) = (gib(MEMORY.saturating_mul(containers as u64)), duration(images, containers));
    let containers = number_of(containers as u64, "container");
    format!("also mounted: {MODULE_NAME} (read)\nmemory: {memory} for {containers}\n{time}")
}

/// Returns how long so many images take, at least, and what to do instead if that is long.
pub(super) fn duration(images: usize, containers: usize) -> String {
    let each = images.div_ceil(containers.max(1)) as f64;
    let (count, time) = (number_of(images as u64, "image"), rough_time(each * SECONDS));
    let mut text = format!("caffe-cpu needs about {SECONDS} s an image, so at least {time} for {count}");
    if images >= MANY {
        text += "; it is for few images: use --backend caffe with a GPU up to compute capability 7.x, or the released features \
                 (`repro fetch --task vqa`, gqa, nlvr2)";
    }
    text
}

/// Checks that so many containers have the memory that Caffe needs, or `limit` each if that is less. Returns a note for people if
/// it is less.
///
/// # Errors
/// Infra if `available` bytes are too few.
pub(super) fn check_memory(containers: usize, limit: Option<u64>, available: Option<u64>) -> Result<Option<String>> {
    let each = limit.map_or(MEMORY, |limit| limit.min(MEMORY));
    let needed = each.saturating_mul(containers as u64);
    if let Some(available) = available.filter(|available| *available < needed) {
        let error = Error::infra(format!(
            "too little memory for --backend caffe-cpu: {} needed for {}, {} available",
            gib(needed),
            number_of(containers as u64, "container"),
            gib(available)
        ))
        .because("on the processor, Caffe keeps every value of the network's head for 300 boxes");
        return Err(match containers {
            1 => error.next("free memory, use a machine with more, or give a lower --memory to try with less"),
            _ => error.next("give a smaller --shards: one container is the default"),
        });
    }
    let low = limit.filter(|limit| *limit < MEMORY);
    Ok(low.map(|limit| format!("--memory {}: the original's network needs {}", gib(limit), gib(MEMORY))))
}

/// Returns what determines the features beside image, script and weights.
pub(super) fn version() -> String {
    format!("processor {THREADS} threads module {}", files::sha256_bytes(MODULE.as_bytes()))
}

/// Makes a sandbox for the original's script run on the processor. The module is written into `folder`.
///
/// # Errors
/// Those of writing the module.
pub(super) fn adapt(sandbox: &mut Sandbox, folder: &Path) -> Result<()> {
    let (file, target) = (folder.join(MODULE_NAME), format!("/workspace/cpu/{MODULE_NAME}"));
    files::write_bytes(&file, MODULE.as_bytes())?;
    sandbox.mounts.push(Mount::read(&file, &target));
    // Python runs the module, and the module the script.
    sandbox.command.insert(1, target);
    let threads = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"];
    sandbox.environment.extend(threads.map(|name| (name.to_owned(), THREADS.to_string())));
    Ok(())
}

/// Formats a size in GiB, the unit of the need.
fn gib(bytes: u64) -> String {
    let value = format!("{:.1}", bytes as f64 / f64::from(1 << 30));
    format!("{} GiB", value.trim_end_matches(".0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::error::Kind;
    use sandbox::Image;

    #[test]
    fn too_little_memory_is_refused_unless_a_limit_asks_for_it() {
        let check = |containers, limit, available: u64| check_memory(containers, limit, Some(available));
        assert_eq!(check(1, None, MEMORY).unwrap(), None);
        assert_eq!(check(2, Some(64 << 30), 26 << 30).unwrap(), None);
        assert_eq!(check_memory(9, None, None).unwrap(), None);
        let error = check(1, None, MEMORY - (1 << 30)).unwrap_err();
        insta::assert_snapshot!(error, @r"
        too little memory for --backend caffe-cpu: 13 GiB needed for 1 container, 12 GiB available
          caused by: on the processor, Caffe keeps every value of the network's head for 300 boxes
          next: free memory, use a machine with more, or give a lower --memory to try with less
        ");
        assert_eq!(error.kind(), Kind::Infra);
        let text = check(2, None, 25 << 30).unwrap_err().to_string();
        assert!(
            text.contains("26 GiB needed for 2 containers, 25 GiB available") && text.contains("smaller --shards"),
            "{text}"
        );
        let note = check(1, Some(8 << 30), 8 << 30).unwrap().unwrap();
        assert_eq!(note, "--memory 8 GiB: the original's network needs 13 GiB");
        assert!(
            check(1, Some(8 << 30), 7 << 30).unwrap_err().to_string().contains("8 GiB needed for 1 container, 7 GiB")
        );
    }

    #[test]
    fn time_and_memory_are_told_in_advance() {
        insta::assert_snapshot!(forecast(10, 1), @r"
        also mounted: run_on_cpu.py (read)
        memory: 13 GiB for 1 container
        caffe-cpu needs about 20 s an image, so at least 3 min for 10 images
        ");
        let many = forecast(40_504, 2);
        assert!(many.contains("26 GiB for 2 containers") && many.contains("at least 4 days 17 h for 40,504"), "{many}");
        assert!(many.contains("repro fetch --task vqa"), "{many}");
    }

    #[test]
    fn a_choice_of_gpus_is_refused() {
        assert!(refuse_gpus(None).is_ok() && refuse_gpus(Some(&GpuChoice::None)).is_ok());
        for choice in [GpuChoice::All, GpuChoice::Some(vec![0])] {
            assert_eq!(refuse_gpus(Some(&choice)).unwrap_err().kind(), Kind::Usage);
        }
    }

    #[test]
    fn the_module_runs_the_script() {
        let folder = tempfile::tempdir().unwrap();
        let image = Image { name: "a".into(), id: "b".into(), digests: Vec::new() };
        let mut sandbox = Sandbox::new("extract", &image, ["python", "/script.py", "--split", "valid"]);
        adapt(&mut sandbox, folder.path()).unwrap();
        assert_eq!(sandbox.command[..3], ["python", "/workspace/cpu/run_on_cpu.py", "/script.py"]);
        assert_eq!(std::fs::read_to_string(&sandbox.mounts[0].source).unwrap(), MODULE);
        assert!(sandbox.environment.contains(&("OPENBLAS_NUM_THREADS".into(), "2".into())));
    }
}
