//! Links the worker so that it finds the libtorch of the build, and embeds the commit and the digest of its source.

use std::path::Path;

#[path = "../../ci/source.rs"]
mod source;

fn main() {
    source::tell_commit(Path::new("../.."));
    println!("cargo:rustc-env=REPRO_WORKER_SOURCE={}", source::digest(Path::new("../..")));
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB")
        .expect("torch-sys did not report the folder of libtorch; next: run ci/setup, then build again");
    // An installed worker finds libtorch beside itself (ci/install), any other in the folder of the build. DT_RPATH also applies to
    // libtorch's own libraries; DT_RUNPATH would apply to the program alone.
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/lxmert-repro:{lib}");
    println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
}
