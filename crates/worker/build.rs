//! Lets the worker find libtorch where it lay at build time, and tells it what it was built from.

use std::path::Path;

#[path = "../../ci/source.rs"]
mod source;

fn main() {
    source::tell_commit(Path::new("../.."));
    println!("cargo:rustc-env=REPRO_WORKER_SOURCE={}", source::digest(Path::new("../..")));
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB")
        .expect("torch-sys did not report the folder of libtorch; next: run ci/setup, then build again");
    // An installed worker finds it beside itself (ci/install), any other where it was built. DT_RPATH, which libtorch's own
    // libraries are also looked up by; DT_RUNPATH would cover the program alone.
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/lxmert-repro:{lib}");
    println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
    if Path::new(&lib).join("libtorch_cuda.so").exists() {
        // Nothing of the program names it: it makes itself known to libtorch when it is loaded.
        println!("cargo:rustc-link-arg=-L{lib}");
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed,-ltorch_cuda,--as-needed");
    }
}
