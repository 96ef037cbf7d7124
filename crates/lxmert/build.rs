//! Adds the folder of libtorch to the search path of this package's tests, and exports the version of tch.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../../Cargo.lock");
    let lock = std::fs::read_to_string("../../Cargo.lock").unwrap_or_default();
    let tch = lock
        .split("[[package]]")
        .find_map(|p| p.trim().strip_prefix("name = \"tch\"\nversion = \"")?.split('"').next());
    println!("cargo:rustc-env=REPRO_TCH_VERSION={}", tch.unwrap_or("unknown"));
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB")
        .expect("torch-sys did not report the folder of libtorch; next: run ci/setup, then build again");
    // Tests that are carried to another machine (ci/gpu-check) find libtorch as an installed worker does, any other where it was built.
    // DT_RPATH, which libtorch's own libraries are also looked up by; DT_RUNPATH would cover the program alone.
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/lxmert-repro:{lib}");
    println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
}
