//! Compiles src/shim.cpp against the headers of libtorch, and adds its folder to the search path of this package's tests.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/shim.cpp");
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB")
        .expect("torch-sys did not report the folder of libtorch; next: run ci/setup, then build again");
    let include = Path::new(&lib).with_file_name("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        // libtorch's headers cause many.
        .warnings(false)
        .flag("-isystem")
        .flag(include.to_str().expect("the path of libtorch is not UTF-8"))
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .file("src/shim.cpp")
        .compile("torch_shim");
    // DT_RPATH, which libtorch's own libraries are also looked up by; DT_RUNPATH would cover the program alone.
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
}
