//! Lets the program find libtorch where it was found at build time, and tells it what it was built from.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
    let commit = Command::new("git").args(["rev-parse", "HEAD"]).output();
    if let Some(commit) = commit.ok().filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok()) {
        println!("cargo:rustc-env=REPRO_GIT_COMMIT={}", commit.trim());
    }
    if std::env::var_os("CARGO_FEATURE_TORCH").is_some() {
        let lib = std::env::var("DEP_TCH_LIBTORCH_LIB")
            .expect("torch-sys did not say where libtorch lies; run ci/setup, then build again");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
        // DT_RPATH, which libtorch's own libraries are also looked up by; DT_RUNPATH would cover the program alone.
        println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
        let version = Path::new(&lib).join("../build-version");
        if let Ok(version) = std::fs::read_to_string(&version) {
            println!("cargo:rustc-env=REPRO_LIBTORCH_VERSION={}", version.trim());
        }
    }
}
