//! Finds the reference fixtures that tests compare with. They are no part of this repository.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Results of the original. The folder that `REPRO_FIXTURES` names holds at least one of these.
pub const RESULTS: [&str; 3] = ["lxrt", "butd", "official"];

/// The fixtures beside the repository.
pub fn default_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures")
}

/// The folder of the fixtures: the one that `named` gives (the value of `REPRO_FIXTURES`), else `default`.
///
/// # Errors
/// A named folder that holds none of [`RESULTS`]: with it every comparison would be skipped, and look like a pass.
pub fn chosen(named: Option<&OsStr>, default: &Path) -> Result<PathBuf, String> {
    let Some(named) = named else { return Ok(default.to_owned()) };
    let folder = PathBuf::from(named);
    match RESULTS.iter().any(|name| folder.join(name).is_dir()) {
        true => Ok(folder),
        false => Err(format!(
            "REPRO_FIXTURES={} holds none of {}: name the folder that they are in, or unset REPRO_FIXTURES",
            folder.display(),
            RESULTS.map(|name| format!("{name}/")).join(", ")
        )),
    }
}

/// Where `name` is in `folder`. What supports tests (vocabulary, tables, real data) may be in `default` instead; results of the
/// original may not, since those of one folder are compared.
pub fn place(folder: &Path, default: &Path, name: &str) -> PathBuf {
    let here = folder.join(name);
    let result = RESULTS.iter().any(|result| Path::new(name).starts_with(result));
    if result || here.exists() { here } else { default.join(name) }
}

#[track_caller]
fn folder() -> PathBuf {
    chosen(std::env::var_os("REPRO_FIXTURES").as_deref(), &default_folder()).unwrap_or_else(|why| panic!("{why}"))
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    let there = path.exists();
    if !there {
        // Not `eprintln!`, whose text the test harness swallows where a test passes.
        let _ = writeln!(std::io::stderr(), "skipped: {} is not there", path.display());
    }
    there.then_some(path)
}

/// A file or folder of the LXRT fixtures, such as `tiny/vqa_io.safetensors`; says that the test is skipped where it is absent.
#[track_caller]
pub fn lxrt(name: &str) -> Option<PathBuf> {
    existing(folder().join("lxrt").join(name))
}

/// What the LXRT cases are made with (a configuration, a vocabulary): like [`lxrt`], or else the default folder's.
#[track_caller]
pub fn support(name: &str) -> Option<PathBuf> {
    let named = folder().join("lxrt").join(name);
    existing(if named.exists() { named } else { default_folder().join("lxrt").join(name) })
}

/// A file or folder of the fixtures by its whole name, such as `vocab/vocab.txt`, `real/data`, `tables` or `butd/unit`.
#[track_caller]
pub fn beside(name: &str) -> Option<PathBuf> {
    existing(place(&folder(), &default_folder(), name))
}

/// Parses a JSON fixture.
pub fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
