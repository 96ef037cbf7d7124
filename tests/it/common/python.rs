//! Runs scripts in a Python with torch and transformers, which `ci/python` makes. Tests are skipped visibly if it is missing, unless
//! `REPRO_TEST_REQUIRE` names `python`.

use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::required::required;

/// Finds the interpreter: `REPRO_PYTHON`, else the one that `ci/python` made.
fn interpreter() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("REPRO_PYTHON") {
        return Some(named.into());
    }
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = folder("REPRO_CACHE").or_else(|| {
        let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
        Some(cache.join("lxmert-repro"))
    })?;
    let path = cache.join("python/bin/python");
    path.exists().then_some(path)
}

/// Runs a script of `tests/python`, which must succeed; `None` if there is no such Python.
pub(crate) fn run(script: &str, arguments: &[PathBuf]) -> Option<()> {
    let Some(python) = interpreter() else {
        assert!(!required("python"), "a Python with torch and transformers is required (ci/python makes one)");
        eprintln!("skipped: no Python with torch and transformers (ci/python makes one)");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script);
    let mut command = Command::new(python);
    command.arg(script).args(arguments).env("HF_HUB_OFFLINE", "1");
    let output = command.env("OMP_NUM_THREADS", "1").output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    Some(())
}
