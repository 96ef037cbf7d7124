//! Cleanup for an abrupt exit: removes half-written files and releases claims when a signal ends the program at once.
//!
//! Destructors do this when work ends in order. A signal ends the process without destructors if no work has to end in order
//! ([`crate::signals`]); the actions registered here run then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

type Action = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Actions {
    last: u64,
    pending: BTreeMap<u64, Action>,
}

static ACTIONS: Mutex<Actions> = Mutex::new(Actions { last: 0, pending: BTreeMap::new() });

/// Keeps an action registered until it is dropped.
#[derive(Debug)]
pub struct CleanupGuard(u64);

/// Registers an action to run if a signal ends the program at once.
pub fn on_abrupt_exit(action: impl FnOnce() + Send + 'static) -> CleanupGuard {
    register(&mut lock(), Box::new(action))
}

/// Creates a file or folder that is removed if a signal ends the program at once. `make` returns it with its path.
pub fn temporary<T, E>(make: impl FnOnce() -> Result<(T, PathBuf), E>) -> Result<(T, CleanupGuard), E> {
    // Under the lock: no file is created once `run_all` has begun, so none is missed.
    let mut actions = lock();
    let (made, path) = make()?;
    let remove = Box::new(move || match path.is_dir() {
        // Another thread may still be filling it.
        true => drop((0..3).find(|_| std::fs::remove_dir_all(&path).is_ok())),
        false => drop(std::fs::remove_file(&path)),
    });
    Ok((made, register(&mut actions, remove)))
}

/// A temporary folder. It is removed with its content when dropped, or if a signal ends the program at once.
#[derive(Debug)]
pub struct TemporaryFolder {
    folder: tempfile::TempDir,
    _removed: CleanupGuard,
}

impl TemporaryFolder {
    /// Creates a folder in `place`, by default in the system's temporary folder.
    ///
    /// # Errors
    /// The error of the file system.
    pub fn new(place: Option<&Path>) -> std::io::Result<Self> {
        let make = || {
            let folder = place.map_or_else(tempfile::tempdir, tempfile::tempdir_in)?;
            let path = folder.path().to_owned();
            Ok::<_, std::io::Error>((folder, path))
        };
        temporary(make).map(|(folder, removed)| Self { folder, _removed: removed })
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Runs all registered actions, the latest first. Registering an action or creating a temporary file afterwards blocks for
/// ever: the process is about to end.
pub fn run_all() {
    let mut actions = lock();
    // The latest first, as destructors would.
    while let Some((_, action)) = actions.pending.pop_last() {
        action();
    }
    std::mem::forget(actions);
}

impl Drop for CleanupGuard {
    fn drop(&mut self) {
        let action = lock().pending.remove(&self.0);
        drop(action);
    }
}

fn register(actions: &mut Actions, action: Action) -> CleanupGuard {
    actions.last += 1;
    actions.pending.insert(actions.last, action);
    CleanupGuard(actions.last)
}

fn lock() -> MutexGuard<'static, Actions> {
    ACTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [`run_all`] keeps the lock for ever, so tests of the program itself prove it.
    #[test]
    fn what_has_ended_in_order_is_not_undone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("half");
        let make = || std::fs::write(&path, "x").map(|()| ((), path.clone()));
        let ((), registered) = temporary(make).unwrap();
        let number = registered.0;
        assert!(lock().pending.contains_key(&number));
        drop(registered);
        assert!(!lock().pending.contains_key(&number) && path.exists());
    }
}
