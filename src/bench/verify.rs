//! Measures verifying files, compared with `sha256sum`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::comparison::{Series, generate, scratch};
use assets::digest::hash_file;
use assets::lock::Lock;
use assets::manifest::{Checksums, Manifest, Selection};
use assets::verify::{Depth, FileState, subjects, verify};
use base::error::{Error, Result};
use base::progress::Silent;
use base::status;
use measure::{Repeats, rounded};

/// Sizes of the measurement.
#[derive(Debug, Clone, Copy)]
pub struct VerifySettings<'a> {
    /// Bytes per file.
    pub bytes: u64,
    /// Number of files, verified in parallel.
    pub jobs: usize,
    /// Folder for the files.
    pub folder: Option<&'a Path>,
}

/// RoundTimes of all rounds.
#[derive(Default)]
struct RoundTimes {
    one: Series,
    one_sum: Series,
    all: Series,
    all_sums: Series,
}

/// Hashes one file on one core, then all files of a workspace with the code of `repro verify`, alternating with `sha256sum`, so that
/// noise on the machine affects both.
pub fn measure(settings: VerifySettings, repeats: Repeats) -> Result<Value> {
    let VerifySettings { bytes, jobs, folder } = settings;
    let Repeats { steps, .. } = repeats.check()?;
    if bytes == 0 || jobs == 0 {
        return Err(Error::usage("--bytes and --jobs must be at least 1"));
    }
    let all_bytes = bytes.checked_mul(jobs as u64).ok_or_else(|| Error::usage("--bytes is too large"))?;
    let place = scratch(folder, all_bytes)?;
    status!("writing {jobs} files of {} MB each into {}", bytes / 1_000_000, place.path().display());
    let files: Vec<PathBuf> = (0..jobs).map(|number| place.path().join(format!("data/{number}"))).collect();
    std::fs::create_dir_all(place.path().join("data"))
        .map_err(|error| Error::io("create a folder in", place.path(), &error))?;
    files.iter().try_for_each(|file| generate(file, bytes))?;
    let manifest = manifest(jobs)?;
    let everything = Selection { all: true, ..Selection::default() };
    let subjects = subjects(&manifest, &Lock::default(), &everything, place.path())?;
    let sum = |file: &PathBuf| {
        let mut command = Command::new("sha256sum");
        command.arg("--binary").arg(file);
        command
    };
    let mut times = RoundTimes::default();
    for round in 0..repeats.total() {
        if round == repeats.warmup {
            times = RoundTimes::default();
        }
        times.one.time(|| hash_file(&files[0], &Checksums::default(), &mut |_| {}))?;
        times.one_sum.run(&mut [sum(&files[0])])?;
        let found = times.all.time(|| verify(&subjects, Depth::Full, jobs, &Silent))?;
        if let Some(bad) = found.iter().find(|checked| checked.state != FileState::GoodUnpinned) {
            return Err(Error::bug("a generated file did not verify").because(format!("{bad:?}")));
        }
        times.all_sums.run(&mut files.iter().map(sum).collect::<Vec<_>>())?;
        status!("round {}/{}: {:.0} ms for one file", round + 1, repeats.total(), times.one.median().unwrap_or(0.0));
    }
    let RoundTimes { one, one_sum, all, all_sums } = times;
    let speed = |our: &Series, other: &Series| Some(rounded(other.median()? / our.median()?));
    let scaling = one.median().zip(all.median()).map(|(one, all)| rounded(one * jobs as f64 / all));
    Ok(measure::report(
        json!({
            "bench": "verify",
            "what": "reading files and taking their SHA-256, the files in the page cache",
            "data": "generated",
            "sizes": { "bytes": bytes, "files": jobs },
            "steps": steps,
            "ms_per_step": one.milliseconds(),
            "one_core": one.json(bytes),
            "all_cores": all.json(all_bytes),
            "times_as_fast_as_one_core": scaling,
            "sha256sum": { "one_core": one_sum.json(bytes), "all_cores": all_sums.json(all_bytes) },
            "speed_against_sha256sum": { "one_core": speed(&one, &one_sum), "all_cores": speed(&all, &all_sums), "goal": 0.8 },
        }),
        jobs,
    ))
}

/// Returns a manifest with one asset per file, without checksums.
fn manifest(files: usize) -> Result<Manifest> {
    let each: Vec<String> = (0..files).map(|number| format!("\"{number}\"")).collect();
    let text = format!(
        "schema = 1\ngroup = [{{ name = \"g\", title = \"generated\" }}]\n[[asset]]\nname = \"{{}}\"\ntitle = \"{{}}\"\ngroups = [\"g\"]\n\
         path = \"data/{{}}\"\nurls = [\"file:///generated/{{}}\"]\neach = [{}]\n",
        each.join(", ")
    );
    Manifest::parse(&text, "of the measurement")
}
