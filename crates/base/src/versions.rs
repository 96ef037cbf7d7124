//! What the running program was built from.

use std::sync::OnceLock;

/// Version of the program: all packages have the same.
pub const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// What a program says of itself at its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// The commit of the source, where git or the builder said it.
    pub commit: Option<&'static str>,
    /// When that was made, in seconds since 1970.
    pub commit_time: Option<u64>,
}

static BUILD: OnceLock<Build> = OnceLock::new();

/// Says what the running program was built from; counts once.
pub fn say(build: Build) {
    let _ = BUILD.set(build);
}

/// The commit of the source that the program was built from, where that is known.
pub fn commit() -> Option<&'static str> {
    BUILD.get().and_then(|build| build.commit).filter(|commit| !commit.is_empty())
}

/// Returns `repro` with its version and, where that is known, its commit, for people.
pub fn title() -> String {
    let commit = commit().map_or_else(String::new, |commit| format!(" (commit {commit})"));
    format!("repro {PROGRAM}{commit}")
}

/// When that commit was made, in seconds since 1970.
pub fn commit_time() -> Option<u64> {
    BUILD.get().and_then(|build| build.commit_time)
}
