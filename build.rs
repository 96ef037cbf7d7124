//! Lets the program find libtorch where it was found at build time, without LD_LIBRARY_PATH.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_TORCH").is_some() {
        let lib = std::env::var("DEP_TCH_LIBTORCH_LIB")
            .expect("torch-sys did not say where libtorch lies; run ci/setup, then build again");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
        // torch-sys links these as needed; an empty libtorch.so would otherwise be dropped along with its rpath.
        println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
    }
}
