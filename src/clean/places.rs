//! Where is looked for what can go.

use std::path::Path;

use assets::lock::Lock;
use assets::manifest::Manifest;

/// Where is looked.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The workspace.
    pub workspace: &'a Path,
    /// Where ci/setup keeps libtorch, if that can be told.
    pub cache: Option<&'a Path>,
    /// What is published.
    pub manifest: &'a Manifest,
    /// What is pinned.
    pub lock: &'a Lock,
}
