//! Locks an output folder, so that only one training at a time writes to it.

use std::fs::{File, TryLockError};
use std::path::Path;

use base::error::{Error, Result};
use base::files;
use base::files::lock::FileLock;

/// Locks `folder` against other trainings until the result is dropped. Removes the partly written files of killed runs from it
/// and from its sub-folders `below`.
///
/// # Errors
/// Usage if another training runs in the folder; I/O if it cannot be locked.
pub fn lock_dir(folder: &Path, below: &[&Path]) -> Result<FileLock> {
    let lock = File::open(folder).map_err(|e| Error::io("open", folder, &e))?;
    let locked = FileLock::try_acquire(lock, folder).map_err(|error| match error {
        TryLockError::WouldBlock => Error::usage(format!("another training is running in {}", folder.display()))
            .next("wait until it has ended, or name another --output"),
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
    fn a_second_training_is_refused_and_partly_written_files_are_removed() {
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
