//! Lets the program find libtorch where it was found at build time, and tells it what it was built from.

use std::process::Command;

fn main() {
    for path in ["build.rs", "Cargo.lock", ".git/HEAD", ".git/logs/HEAD"] {
        println!("cargo:rerun-if-changed={path}");
    }
    // The commit, and when it was made (seconds since 1970), by which the doctor judges the clock.
    let commit = Command::new("git").args(["log", "-1", "--format=%H %ct"]).output();
    let commit = commit.ok().filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
    if let Some((commit, time)) = commit.as_deref().and_then(|text| text.trim().split_once(' ')) {
        println!("cargo:rustc-env=REPRO_GIT_COMMIT={commit}");
        println!("cargo:rustc-env=REPRO_COMMIT_TIME={time}");
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
    }
}
