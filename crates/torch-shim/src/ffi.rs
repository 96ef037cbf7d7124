//! Declares the functions of `shim.cpp`, and turns their messages into errors.

use std::ffi::{CStr, c_char, c_int};

use base::error::{Error, Result};
use tch::Device;
use torch_sys::C_tensor;

/// The message of an exception; null if there was none.
#[must_use]
#[repr(transparent)]
pub(crate) struct Message(*mut c_char);

unsafe extern "C" {
    pub(crate) fn shim_free(text: *mut c_char);
    pub(crate) safe fn shim_set_deterministic(on: bool) -> Message;
    pub(crate) fn shim_nondeterministic(names: *mut *mut c_char) -> Message;
    pub(crate) safe fn shim_set_tf32(on: bool) -> Message;
    pub(crate) fn shim_tf32(on: *mut bool) -> Message;
    pub(crate) fn shim_generator_state(device: c_int, state: *mut *mut C_tensor) -> Message;
    pub(crate) fn shim_set_generator_state(device: c_int, state: *const C_tensor) -> Message;
    pub(crate) fn shim_gpu_memory(device: c_int, bytes: *mut u64) -> Message;
    pub(crate) safe fn shim_reset_gpu_peak(device: c_int) -> Message;
    pub(crate) safe fn shim_empty_gpu_cache() -> Message;
}

impl Message {
    /// Returns an error that libtorch could not do `what` if there is a message.
    pub(crate) fn check(self, what: &str) -> Result<()> {
        match self.0.is_null() {
            true => Ok(()),
            // SAFETY: the shim allocated the text with malloc, and nobody else frees it.
            false => Err(Error::infra(format!("libtorch cannot {what}")).because(unsafe { taken(self.0) }.trim_end())),
        }
    }
}

/// Copies a text of the shim and frees it.
///
/// # Safety
/// `text` must be a C string that the shim allocated and nobody else frees.
pub(crate) unsafe fn taken(text: *mut c_char) -> String {
    // SAFETY: the caller's promise.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        shim_free(text);
        copy
    }
}

/// Returns the number of a GPU; -1 for the CPU.
pub(crate) fn number(device: Device) -> c_int {
    match device {
        Device::Cuda(index) => c_int::try_from(index).unwrap_or(c_int::MAX),
        _ => -1,
    }
}
