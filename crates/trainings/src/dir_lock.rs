//! One training at a time in a folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use base::error::{Error, Result};
use base::files;
use base::files::lock::FileLock;

/// Keeps other trainings out of `folder` while the result lives, and removes from it and its sub-folders `below` what a killed run
/// had begun to write.
///
/// # Errors
/// Usage where another training is at work there.
pub fn lock_dir(folder: &Path, below: &[&Path]) -> Result<FileLock> {
    let lock = File::open(folder).map_err(|e| Error::io("open", folder, &e))?;
    let locked = FileLock::try_acquire(lock, folder).map_err(|error| match error {
        TryLockError::WouldBlock => Error::usage(format!("another training is at work in {}", folder.display()))
            .next("wait until it ends, or name another --output"),
        TryLockError::Error(e) => Error::io("lock", folder, &e),
    })?;
    for folder in std::iter::once(&folder).chain(below) {
        files::remove_unfinished(folder)?;
    }
    Ok(locked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_and_remains_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, below) = (folder.path(), folder.path().join("snapshots"));
        std::fs::create_dir(&below).unwrap();
        for file in [folder.join(".writing-a1B2c3"), below.join(".writing-000000"), folder.join("kept")] {
            std::fs::write(file, "x").unwrap();
        }
        let first = lock_dir(folder, &[&below, &folder.join("absent")]).unwrap();
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 2);
        assert_eq!(std::fs::read_dir(&below).unwrap().count(), 0);
        assert!(lock_dir(folder, &[]).unwrap_err().to_string().contains("another training"));
        drop(first);
        lock_dir(folder, &[]).unwrap();
    }
}
