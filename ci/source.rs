// What both programs' build scripts share: the commit, and a digest over the source that a worker is built from. A harness and
// a worker with different digests do not work together.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders below `crates/` whose content decides what a worker does. No other crate is part of it.
const OF_THE_WORKER: [&str; 12] = [
    "archive",
    "base",
    "checkpoint",
    "data",
    "lxmert",
    "lxmert-spec",
    "measure",
    "pictures",
    "protocol",
    "torch-shim",
    "trainings",
    "worker",
];

/// Sets `REPRO_GIT_COMMIT` and `REPRO_COMMIT_TIME` (seconds since 1970, by which the doctor judges the clock) for the crate that
/// is built, where they are known: from the variable `REPRO_GIT_COMMIT` where the source comes without its history, else git's.
pub(crate) fn tell_commit(root: &Path) {
    for file in ["Cargo.lock", ".git/HEAD", ".git/logs/HEAD"] {
        println!("cargo:rerun-if-changed={}", root.join(file).display());
    }
    println!("cargo:rerun-if-env-changed=REPRO_GIT_COMMIT");
    if let Some((commit, time)) = commit(root) {
        println!("cargo:rustc-env=REPRO_GIT_COMMIT={commit}");
        if let Some(time) = time {
            println!("cargo:rustc-env=REPRO_COMMIT_TIME={time}");
        }
    }
}

fn commit(root: &Path) -> Option<(String, Option<String>)> {
    if let Ok(given) = std::env::var("REPRO_GIT_COMMIT") {
        return Some((given, None)).filter(|(given, _)| !given.is_empty());
    }
    let git = Command::new("git").arg("-C").arg(root).args(["log", "-1", "--format=%H %ct"]).output().ok()?;
    let text = String::from_utf8(git.stdout).ok().filter(|_| git.status.success())?;
    let (commit, time) = text.trim().split_once(' ')?;
    Some((commit.to_owned(), Some(time.to_owned())))
}

/// FNV-1a over paths and contents of the sources, in order of their paths, as 16 hexadecimal digits. It tells builds apart; it
/// protects against nobody.
pub(crate) fn digest(root: &Path) -> String {
    let mut files = vec![root.join("Cargo.lock"), root.join("data/demo.toml")];
    for name in OF_THE_WORKER {
        let folder = root.join("crates").join(name);
        files.push(folder.join("Cargo.toml"));
        println!("cargo:rerun-if-changed={}", folder.display());
        gather(&folder.join("src"), &mut files);
    }
    files.sort();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        add(name.as_bytes());
        add(&[0]);
        add(&std::fs::read(&file).unwrap_or_default());
        add(&[0]);
    }
    format!("{hash:016x}")
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "cpp") {
            files.push(path);
        }
    }
}
