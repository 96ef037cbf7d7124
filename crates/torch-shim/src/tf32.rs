//! Switches TF32, the format with ten bits of mantissa in which GPUs may compute products of f32 matrices.
//!
//! libtorch has two families of functions for this and refuses to mix them. This program uses only the newer one
//! (`setFloat32Precision`, ATen/Context.h), whose default is TF32 for convolutions.

use base::error::Result;

use crate::ffi::{shim_set_tf32, shim_tf32};

/// Permits TF32 in all operations, or in none.
///
/// # Errors
/// Infra if libtorch refuses.
pub fn set_allowed(allowed: bool) -> Result<()> {
    shim_set_tf32(allowed).check("switch TF32")
}

/// Returns whether any operation may use TF32.
///
/// # Errors
/// Infra if libtorch refuses.
pub fn is_allowed() -> Result<bool> {
    let mut on = false;
    // SAFETY: the shim only writes the value.
    unsafe { shim_tf32(&raw mut on) }.check("say whether TF32 is on")?;
    Ok(on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tf32_is_on_by_default_and_can_be_switched() {
        assert!(is_allowed().unwrap(), "libtorch's default for convolutions");
        set_allowed(false).unwrap();
        assert!(!is_allowed().unwrap());
        set_allowed(true).unwrap();
        assert!(is_allowed().unwrap());
    }
}
