//! Versions of the program and of what its arithmetic stands on, as seen when it was built (`build.rs`).

use std::collections::BTreeMap;

/// This program.
pub const PROGRAM: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from, where git knew it.
pub const COMMIT: Option<&str> = option_env!("REPRO_GIT_COMMIT");
/// The `tch` crate, from Cargo.lock.
pub const TCH: &str = env!("REPRO_TCH_VERSION");
/// libtorch, from the `build-version` file of the folder that was linked.
pub const LIBTORCH: Option<&str> = option_env!("REPRO_LIBTORCH_VERSION");

/// What decides the last bits of a training: another version may round differently.
pub fn arithmetic() -> BTreeMap<String, String> {
    let libtorch = LIBTORCH.unwrap_or("none");
    [("libtorch", libtorch), ("tch", TCH)].map(|(name, version)| (name.to_owned(), version.to_owned())).into()
}
