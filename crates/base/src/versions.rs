//! What the running program was built from.

use std::sync::OnceLock;

/// Version of the program; all packages have the same.
pub const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// What a program was built from, as its `main` passes it to [`set`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildInfo {
    /// Commit of the source, if known at build time.
    pub commit: Option<&'static str>,
    /// Time of that commit, in seconds since 1970.
    pub commit_time: Option<u64>,
}

static BUILD: OnceLock<BuildInfo> = OnceLock::new();

/// Sets what the running program was built from; later calls change nothing.
pub fn set(build: BuildInfo) {
    let _ = BUILD.set(build);
}

/// Returns the commit that the program was built from, if known.
pub fn commit() -> Option<&'static str> {
    BUILD.get().and_then(|build| build.commit).filter(|commit| !commit.is_empty())
}

/// Returns `repro` with its version and, if known, its commit, for people.
pub fn title() -> String {
    let commit = commit().map_or_else(String::new, |commit| format!(" (commit {commit})"));
    format!("repro {PROGRAM}{commit}")
}

/// Returns the time of that commit, in seconds since 1970, if known.
pub fn commit_time() -> Option<u64> {
    BUILD.get().and_then(|build| build.commit_time)
}
