//! The lock that allows one run at a time in a workspace.

use std::fs::TryLockError;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use base::cleanup::{self, CleanupGuard};
use base::clock;
use base::error::{Error, Result};
use base::files;
use base::files::lock::FileLock;

/// The process that holds the lock, or held it when it was killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// Process id.
    pub pid: u32,
    /// When it took the lock, UTC.
    pub started: String,
}

impl Holder {
    /// Reads the holder, for messages only; a text cut short by a kill is ignored.
    fn in_file(path: &Path) -> Option<Self> {
        serde_json::from_slice(&files::read_bytes(path, 4096).ok()?).ok()
    }
}

/// The lock; released when dropped or when the process ends.
pub(crate) struct WorkspaceLock {
    file: FileLock,
    /// The holder of a run that ended without releasing the lock.
    pub killed: Option<Holder>,
    _cleared: Option<CleanupGuard>,
}

impl WorkspaceLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// Infra if another process holds it.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        let folder = files::create_folder_of(path)?;
        let file = FileLock::try_acquire(files::open_own(path)?, folder).map_err(|error| match error {
            TryLockError::WouldBlock => {
                let who = Holder::in_file(path)
                    .map_or_else(String::new, |h| format!(" (process {}, since {})", h.pid, h.started));
                Error::infra(format!("another run is using this workspace{who}"))
                    .because(format!("{} is locked", path.display()))
                    .next("wait until it ends, or give another --workspace")
            }
            TryLockError::Error(e) => Error::io("lock", path, &e),
        })?;
        let killed = Holder::in_file(path);
        let me = Holder { pid: std::process::id(), started: clock::now() };
        let line = serde_json::to_string(&me).map_err(|e| Error::bug("the lock cannot be written").because(e))?;
        file.set_len(0).and_then(|()| (&*file).write_all(line.as_bytes())).map_err(|e| Error::io("write", path, &e))?;
        let text = file.try_clone().ok();
        let cleared = text.map(|text| cleanup::on_abrupt_exit(move || drop(text.set_len(0))));
        Ok(Self { file, killed, _cleared: cleared })
    }
}

impl Drop for WorkspaceLock {
    fn drop(&mut self) {
        // A text left behind would look like that of a killed run.
        let _ = self.file.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_stale_ones_are_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache/lock");
        let first = WorkspaceLock::take(&path).unwrap();
        assert_eq!(first.killed, None);
        let error = WorkspaceLock::take(&path).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        assert_eq!(WorkspaceLock::take(&path).unwrap().killed, None);

        std::fs::write(&path, r#"{"pid":4194303,"started":"2026-01-02T03:04:05Z"}"#).unwrap();
        assert_eq!(WorkspaceLock::take(&path).unwrap().killed.as_ref().unwrap().pid, 4_194_303);
        std::fs::write(&path, r#"{"pid":41"#).unwrap();
        assert_eq!(WorkspaceLock::take(&path).unwrap().killed, None);
    }
}
