//! Tells the harness what it was built from, and from what its worker must be built.

use std::path::Path;

#[path = "ci/source.rs"]
mod source;

fn main() {
    source::tell_commit(Path::new("."));
    println!("cargo:rustc-env=REPRO_WORKER_SOURCE={}", source::digest(Path::new(".")));
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    // Some tests make models themselves. The image is built from a source without tests, where cargo refuses this.
    if let Some(libtorch) = std::env::var("LIBTORCH").ok().filter(|_| Path::new("tests").is_dir()) {
        println!("cargo:rustc-link-arg-tests=-Wl,-rpath,{libtorch}/lib");
    }
}
