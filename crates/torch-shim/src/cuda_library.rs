//! Loads libtorch's CUDA library at run time if it lies beside libtorch.
//!
//! No program links it, so that one build runs with libtorch for CPUs and with libtorch for GPUs.

use std::error::Error;
use std::ffi::{CStr, OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

const NAME: &str = "libtorch_cuda.so";

/// The state of the CUDA library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CudaLibrary {
    /// It is loaded.
    Loaded,
    /// It does not lie beside libtorch: this is libtorch for CPUs.
    Absent,
    /// It could not be loaded.
    Failed(String),
}

/// Loads the CUDA library from the folder that libtorch itself was loaded from. Later calls return the result of the first.
///
/// It must be called before any other use of libtorch, which looks for its CUDA part only once.
pub fn load() -> &'static CudaLibrary {
    static STATE: OnceLock<CudaLibrary> = OnceLock::new();
    STATE.get_or_init(|| match libtorch_folder().map(|folder| folder.join(NAME)) {
        Some(path) if path.exists() => open(&path),
        _ => CudaLibrary::Absent,
    })
}

fn open(path: &Path) -> CudaLibrary {
    // SAFETY: the library is libtorch's own, from the folder of the libtorch that is in use.
    match unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            // It registers itself with libtorch, so it must stay.
            std::mem::forget(library);
            CudaLibrary::Loaded
        }
        // The loader's words are the source of the error.
        Err(error) => CudaLibrary::Failed(error.source().map_or_else(|| error.to_string(), ToString::to_string)),
    }
}

/// Returns the folder that libtorch was loaded from; `None` if the loader does not know.
fn libtorch_folder() -> Option<PathBuf> {
    unsafe extern "C" {
        /// Any function of libtorch_cpu.so (torch/csrc/inductor/aoti_torch/c/shim.h).
        safe fn aoti_torch_abi_version() -> u64;
    }
    let function: extern "C" fn() -> u64 = aoti_torch_abi_version;
    let mut info = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    // SAFETY: dladdr only writes the struct; the name that it gives stays valid while the library is loaded.
    let name = unsafe {
        if libc::dladdr(function as *const c_void, &raw mut info) == 0 || info.dli_fname.is_null() {
            return None;
        }
        CStr::from_ptr(info.dli_fname)
    };
    Some(Path::new(OsStr::from_bytes(name.to_bytes())).parent()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_loaded_if_it_lies_beside_libtorch() {
        let folder = libtorch_folder().unwrap();
        assert!(folder.join("libtorch_cpu.so").exists(), "{}", folder.display());
        let expected = if folder.join(NAME).exists() { CudaLibrary::Loaded } else { CudaLibrary::Absent };
        assert_eq!(*load(), expected);
        assert_eq!(tch::utils::has_cudart(), expected == CudaLibrary::Loaded);
    }

    #[test]
    fn a_damaged_library_is_an_error_with_its_name() {
        let file = std::env::temp_dir().join(format!("no-library-{}.so", std::process::id()));
        std::fs::write(&file, "text").unwrap();
        let state = open(&file);
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(&state, CudaLibrary::Failed(why) if why.contains("no-library-")), "{state:?}");
    }
}
