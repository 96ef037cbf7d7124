//! A file or folder that one process has to itself, by the operating system's lock.

use std::fs::{File, TryLockError};
use std::ops::Deref;

/// Locked until dropped, or until its process ends, however it ends.
#[derive(Debug)]
pub struct Locked(File);

impl Locked {
    /// Locks at once or not at all.
    ///
    /// # Errors
    /// `WouldBlock` where somebody has it; else what the file system says.
    pub fn take(file: File) -> Result<Self, TryLockError> {
        file.try_lock().map(|()| Self(file))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_holds_it_open_without_keeping_it() {
        let folder = tempfile::tempdir().unwrap();
        let take = || Locked::take(File::open(folder.path()).unwrap());
        let first = take().unwrap();
        let inherited = first.try_clone().unwrap();
        assert!(matches!(take().unwrap_err(), TryLockError::WouldBlock));
        drop(first);
        assert!(take().is_ok());
        drop(inherited);
    }
}
