//! What the running program was built from.

use std::sync::OnceLock;

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

/// When that commit was made, in seconds since 1970.
pub fn commit_time() -> Option<u64> {
    BUILD.get().and_then(|build| build.commit_time)
}
