//! Versions of what the program is built from, and of what its arithmetic stands on.

use std::collections::BTreeMap;

/// The commit of the source that the program was built from, where git or the builder said it.
pub fn commit() -> Option<&'static str> {
    option_env!("REPRO_GIT_COMMIT").filter(|commit| !commit.is_empty())
}

/// What decides the last bits of a training: tch, and the libtorch that is loaded. Empty without the `torch` feature.
pub fn arithmetic() -> BTreeMap<String, String> {
    #[cfg(feature = "torch")]
    let versions = [("tch", env!("REPRO_TCH_VERSION").to_owned()), ("libtorch", libtorch())]
        .map(|(name, version)| (name.to_owned(), version))
        .into();
    #[cfg(not(feature = "torch"))]
    let versions = BTreeMap::new();
    versions
}

/// The version that the loaded library says it has.
#[cfg(feature = "torch")]
fn libtorch() -> String {
    unsafe extern "C" {
        /// Major, minor and patch number in the three highest bytes (torch/headeronly/version.h).
        safe fn aoti_torch_abi_version() -> u64;
    }
    let [major, minor, patch, ..] = aoti_torch_abi_version().to_be_bytes();
    format!("{major}.{minor}.{patch}")
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    #[test]
    fn libtorch_is_the_pinned_one() {
        let versions = super::arithmetic();
        assert_eq!(versions["libtorch"], "2.11.0");
        assert_eq!(versions["tch"], "0.24.0");
    }
}
