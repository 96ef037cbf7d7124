//! A file or folder that one process has to itself, by the operating system's lock.
//!
//! Some file systems (network mounts, FUSE, sandboxes) have no such locks. There is one rule for them: the program goes on, and says once
//! that nobody guards the folder.

use crate::tell;
use std::fs::{File, TryLockError};
use std::ops::Deref;
use std::path::Path;
use std::sync::Once;

/// Locked until dropped, or until its process ends, however it ends.
#[derive(Debug)]
pub struct Locked(File);

impl Locked {
    /// Locks at once or not at all. Where the file system has no locks, `file` counts as locked, and the first such `folder` is named on
    /// stderr.
    ///
    /// # Errors
    /// `WouldBlock` if somebody has it; else what the file system says.
    pub fn take(file: File, folder: &Path) -> Result<Self, TryLockError> {
        match file.try_lock() {
            Err(TryLockError::Error(error)) if has_no_locks(&error) => warn(folder, &error),
            taken => taken?,
        }
        Ok(Self(file))
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing it is not enough: a process that another thread has just begun to start holds it open for a moment more.
        let _ = self.0.unlock();
    }
}

/// Whether the file system cannot lock, as opposed to a lock that failed. NFS refuses to lock a folder as `EBADF`, since that cannot be
/// opened for writing; others say `EINVAL` or `EISDIR`.
fn has_no_locks(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOSYS | libc::EOPNOTSUPP | libc::ENOLCK | libc::EINVAL | libc::EBADF | libc::EISDIR)
    )
}

fn warn(folder: &Path, error: &std::io::Error) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tell!(
            "warning: the file system of {} has no locks ({error}): nothing keeps a second run out of it; start one at a time",
            folder.display()
        );
    });
}

/// Tries in `folder` what runs do to keep each other out: locks a file, which has no name and is gone at once, and the folder. Returns
/// what the file system says against it; `None` if it has locks.
///
/// # Errors
/// It cannot be tried: no file can be created there.
pub fn try_in(folder: &Path) -> std::io::Result<Option<std::io::Error>> {
    let (file, folder) = (tempfile::tempfile_in(folder)?, File::open(folder)?);
    let tried = [&file, &folder].map(File::try_lock_shared);
    Ok(tried.into_iter().find_map(|tried| match tried {
        // Another one has it, by its lock.
        Ok(()) | Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(error)) => Some(error),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_holds_it_open_without_keeping_it() {
        let folder = tempfile::tempdir().unwrap();
        let take = || Locked::take(File::open(folder.path()).unwrap(), folder.path());
        let first = take().unwrap();
        let inherited = first.try_clone().unwrap();
        assert!(matches!(take().unwrap_err(), TryLockError::WouldBlock));
        assert!(try_in(folder.path()).unwrap().is_none(), "whoever tries is not kept out");
        drop(first);
        assert!(take().is_ok());
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
