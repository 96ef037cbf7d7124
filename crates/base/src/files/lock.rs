//! Exclusive locks of the operating system on files and folders.
//!
//! Some file systems (network mounts, FUSE, sandboxes) have no locks. The program then continues without one and warns once.

use crate::status;
use std::fs::{File, TryLockError};
use std::ops::Deref;
use std::path::Path;
use std::sync::Once;

/// A file that is locked until this is dropped or the process ends.
#[derive(Debug)]
pub struct FileLock(File);

impl FileLock {
    /// Locks `file` without waiting. If the file system has no locks, `file` counts as locked, and a warning names the first such
    /// `folder`.
    ///
    /// # Errors
    /// `WouldBlock` if another process holds the lock; otherwise the error of the file system.
    pub fn try_acquire(file: File, folder: &Path) -> Result<Self, TryLockError> {
        match file.try_lock() {
            Err(TryLockError::Error(error)) if has_no_locks(&error) => warn(folder, &error),
            taken => taken?,
        }
        Ok(Self(file))
    }
}

impl Deref for FileLock {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing it is not enough: a child process that another thread is starting may hold it open for a moment.
        let _ = self.0.unlock();
    }
}

/// Whether another process has `path` to itself now. Nothing is left behind, and nothing is created.
pub fn is_taken(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => true,
        taken => {
            if taken.is_ok() {
                let _ = file.unlock();
            }
            false
        }
    }
}

/// Returns whether the file system has no locks, as opposed to a lock that failed. NFS refuses to lock a folder with `EBADF`,
/// since it cannot be opened for writing; others return `EINVAL` or `EISDIR`.
fn has_no_locks(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOSYS | libc::EOPNOTSUPP | libc::ENOLCK | libc::EINVAL | libc::EBADF | libc::EISDIR)
    )
}

fn warn(folder: &Path, error: &std::io::Error) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        status!(
            "warning: the file system of {} has no locks ({error}): nothing keeps a second run out of it; start one run at a time",
            folder.display()
        );
    });
}

/// Tests whether the file system of `folder` has locks: locks an unnamed temporary file and the folder. Returns the error of the
/// file system; `None` if it has locks.
///
/// # Errors
/// If no file can be created there.
pub fn probe(folder: &Path) -> std::io::Result<Option<std::io::Error>> {
    let (file, folder) = (tempfile::tempfile_in(folder)?, File::open(folder)?);
    let tried = [&file, &folder].map(File::try_lock_shared);
    Ok(tried.into_iter().find_map(|tried| match tried {
        // Another process holds it, so there are locks.
        Ok(()) | Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(error)) => Some(error),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_lock_is_free_even_if_a_copy_of_the_file_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let take = || FileLock::try_acquire(File::open(folder.path()).unwrap(), folder.path());
        let first = take().unwrap();
        let inherited = first.try_clone().unwrap();
        assert!(matches!(take().unwrap_err(), TryLockError::WouldBlock));
        assert!(probe(folder.path()).unwrap().is_none(), "a probe needs no lock of its own");
        assert!(is_taken(folder.path()) && !is_taken(&folder.path().join("absent")));
        drop(first);
        assert!(!is_taken(folder.path()) && take().is_ok());
        drop(inherited);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
    }

    #[test]
    fn a_file_system_without_locks_is_told_from_a_lock_that_failed() {
        let is = |code| has_no_locks(&std::io::Error::from_raw_os_error(code));
        for code in [libc::ENOSYS, libc::ENOTSUP, libc::EOPNOTSUPP, libc::ENOLCK, libc::EBADF] {
            assert!(is(code), "{code}");
        }
        for code in [libc::EIO, libc::ESTALE, libc::EINTR, libc::EACCES] {
            assert!(!is(code), "{code}");
        }
    }
}
