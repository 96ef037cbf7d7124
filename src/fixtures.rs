//! Finds the reference fixtures for tests, which are no part of this repository.

use std::path::PathBuf;

/// `REPRO_FIXTURES`, else `../shared/fixtures/lxrt` beside the repository.
fn folder() -> PathBuf {
    std::env::var_os("REPRO_FIXTURES")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/lxrt"), PathBuf::from)
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    let there = path.exists();
    if !there {
        eprintln!("skipped: {} is not there", path.display());
    }
    there.then_some(path)
}

/// A file or folder of the LXRT fixtures, such as `tiny/vqa_io.safetensors`; says that the test is skipped where it is absent.
pub fn lxrt(name: &str) -> Option<PathBuf> {
    existing(folder().join(name))
}

/// What cases are made with (a configuration, a vocabulary): as [`lxrt`], else the default folder's, since a folder named by
/// `REPRO_FIXTURES` may hold only the cases themselves.
pub fn support(name: &str) -> Option<PathBuf> {
    let named = folder().join(name);
    existing(if named.exists() {
        named
    } else {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/lxrt").join(name)
    })
}

/// A file or folder beside the LXRT fixtures, such as `vocab/vocab.txt`, `real/data` or `tables`.
pub fn beside(name: &str) -> Option<PathBuf> {
    let near = folder().join("..").join(name);
    existing(if near.exists() {
        near
    } else {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures").join(name)
    })
}

/// Parses a JSON fixture.
pub fn json(path: &std::path::Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
