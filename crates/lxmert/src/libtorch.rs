//! The libtorch that is loaded: its version, and its settings.

use std::collections::BTreeMap;

use base::error::Result;
use tch::Device;
use torch_shim::{determinism, tf32};

/// Makes computation on a GPU reproducible and as exact as on a CPU: deterministic algorithms where there are any, and no TF32.
/// Nothing needs to be set for a CPU. It must be called by the thread that trains.
///
/// # Errors
/// Infra if libtorch refuses.
pub fn set_up(device: Device) -> Result<()> {
    if device.is_cuda() {
        determinism::set_deterministic(true)?;
        tf32::set_allowed(false)?;
    }
    Ok(())
}

/// Returns the versions of libtorch and tch, which may change the last bits of a result.
pub fn versions() -> BTreeMap<String, String> {
    [("tch", env!("REPRO_TCH_VERSION").to_owned()), ("libtorch", version())]
        .map(|(name, version)| (name.to_owned(), version))
        .into()
}

/// Returns the version that the loaded library reports.
fn version() -> String {
    unsafe extern "C" {
        /// Major, minor and patch number in the three highest bytes (torch/headeronly/version.h).
        safe fn aoti_torch_abi_version() -> u64;
    }
    let [major, minor, patch, ..] = aoti_torch_abi_version().to_be_bytes();
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_versions_are_the_pinned_ones() {
        let versions = super::versions();
        assert_eq!((versions["libtorch"].as_str(), versions["tch"].as_str()), ("2.11.0", "0.24.0"));
    }
}
