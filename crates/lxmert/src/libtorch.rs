//! The version of the libtorch that is loaded.

use std::collections::BTreeMap;

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
