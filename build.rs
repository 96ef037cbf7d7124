//! Lets the program find libtorch where it was found at build time, and tells it what it was built from.

use std::path::Path;
use std::process::Command;

fn main() {
    for path in ["build.rs", "Cargo.lock", ".git/HEAD", ".git/logs/HEAD"] {
        println!("cargo:rerun-if-changed={path}");
    }
    println!("cargo:rerun-if-env-changed=REPRO_GIT_COMMIT");
    // The commit, and when it was made (seconds since 1970), by which the doctor judges the clock.
    if let Some((commit, time)) = commit() {
        println!("cargo:rustc-env=REPRO_GIT_COMMIT={commit}");
        if let Some(time) = time {
            println!("cargo:rustc-env=REPRO_COMMIT_TIME={time}");
        }
    }
    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    let tch = lock
        .split("[[package]]")
        .find_map(|p| p.trim().strip_prefix("name = \"tch\"\nversion = \"")?.split('"').next());
    println!("cargo:rustc-env=REPRO_TCH_VERSION={}", tch.unwrap_or("unknown"));
    if std::env::var_os("CARGO_FEATURE_TORCH").is_some() {
        let lib = std::env::var("DEP_TCH_LIBTORCH_LIB")
            .expect("torch-sys did not say where libtorch lies; run ci/setup, then build again");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
        // DT_RPATH, which libtorch's own libraries are also looked up by; DT_RUNPATH would cover the program alone.
        println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
        if Path::new(&lib).join("libtorch_cuda.so").exists() {
            // Nothing of the program names it: it makes itself known to libtorch when it is loaded.
            println!("cargo:rustc-link-arg=-L{lib}");
            println!("cargo:rustc-link-arg=-Wl,--no-as-needed,-ltorch_cuda,--as-needed");
        }
    }
}

/// The commit that the source is of, and its time where that is known: from the variable `REPRO_GIT_COMMIT` where the source
/// comes without its history, else git's.
fn commit() -> Option<(String, Option<String>)> {
    if let Ok(given) = std::env::var("REPRO_GIT_COMMIT") {
        return Some((given, None)).filter(|(given, _)| !given.is_empty());
    }
    let git = Command::new("git").args(["log", "-1", "--format=%H %ct"]).output().ok()?;
    let text = String::from_utf8(git.stdout).ok().filter(|_| git.status.success())?;
    let (commit, time) = text.trim().split_once(' ')?;
    Some((commit.to_owned(), Some(time.to_owned())))
}
