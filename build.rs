//! Lets the program find libtorch where it was found at build time, without LD_LIBRARY_PATH, and say which tch it has.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=Cargo.lock");
    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    let tch = lock
        .split("[[package]]")
        .find_map(|p| p.trim().strip_prefix("name = \"tch\"\nversion = \"")?.split('"').next());
    println!("cargo:rustc-env=REPRO_TCH_VERSION={}", tch.unwrap_or("unknown"));
    if std::env::var_os("CARGO_FEATURE_TORCH").is_some() {
        let lib = std::env::var("DEP_TCH_LIBTORCH_LIB")
            .expect("torch-sys did not say where libtorch lies; run ci/setup, then build again");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
        // torch-sys links these as needed; an empty libtorch.so would otherwise be dropped along with its rpath.
        println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
    }
}
