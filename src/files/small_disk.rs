//! A disk that is soon full, for tests.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A file system of a few bytes in memory; gone when dropped.
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    /// None, with a word of it, where this user may not mount.
    pub(crate) fn mount(bytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={bytes}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).stderr(Stdio::null());
        if !mount.status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: a small disk cannot be mounted here");
            return None;
        }
        Some(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}
