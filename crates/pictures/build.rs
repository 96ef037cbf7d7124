//! Compiles src/jpeg/transform.c against the headers of libjpeg.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/jpeg/transform.c");
    let include = std::env::var_os("DEP_JPEG_INCLUDE").expect("mozjpeg-sys did not report its folders of headers");
    // libjpeg's errors unwind through it.
    let mut compiler = cc::Build::new();
    compiler.includes(std::env::split_paths(&include)).flag_if_supported("-fexceptions");
    compiler.file("src/jpeg/transform.c").compile("pictures_transform");
}
