//! Gives writable mounts to the container's user for a run, and restores their owners afterwards. Needed if the container's
//! user is not the caller.
//!
//! A container may have left anything in these folders: they are walked through open folder handles, never by paths, and no
//! link is followed.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, chownat, openat, statat};
use rustix::io::Errno;

use super::failure::{Cause, Failure};
use super::mount::{Access, Mount};
use super::unremoved::FolderOwner;
use super::user::SANDBOX_UID;

/// Maximum depth of folders; a container could nest more than a walk can handle.
const DEEPEST: usize = 256;

/// Folders in use by containers of this process, with the number of users. Owners are restored when the last one has ended.
static IN_USE: Mutex<BTreeMap<PathBuf, (usize, FolderOwner)>> = Mutex::new(BTreeMap::new());

/// The writable folders of one run and their original owners, which are restored on drop at the latest.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    folders: Vec<FolderOwner>,
}

impl Ownership {
    /// Records the writable folders and their owners; changes nothing yet.
    ///
    /// # Errors
    /// [`Cause::MountUnusable`].
    pub(crate) fn record(mounts: &[Mount]) -> Result<Self, Failure> {
        let mut ownership = Self::default();
        for mount in mounts.iter().filter(|mount| mount.access == Access::Write) {
            let unusable =
                |e: std::io::Error| Cause::MountUnusable { source: mount.source.clone(), why: e.to_string() };
            let path = mount.source.canonicalize().map_err(unusable)?;
            let status = statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| unusable(e.into()))?;
            // A killed run left a folder that still belongs to the container's user.
            let left = status.st_uid == SANDBOX_UID;
            let (uid, gid) = if left { caller() } else { (status.st_uid, status.st_gid) };
            let folder = FolderOwner { path: path.clone(), uid, gid };
            let mut in_use = in_use();
            let entry = in_use.entry(path).or_insert((0, folder));
            entry.0 += 1;
            ownership.folders.push(entry.1.clone());
        }
        Ok(ownership)
    }

    /// Returns the recorded folders, for a record that survives this process.
    pub(crate) fn folders(&self) -> &[FolderOwner] {
        &self.folders
    }

    /// Gives the folders and everything in them to the container's user.
    ///
    /// # Errors
    /// [`Cause::MountUnusable`] if the file system has no owners, or does not let root change them.
    pub(crate) fn take(&self) -> Result<(), Failure> {
        for folder in &self.folders {
            let to = (SANDBOX_UID, SANDBOX_UID);
            walk(&folder.path, &[], &mut |owner| (owner != SANDBOX_UID).then_some(to))
                .map_err(|e| unusable(folder, "cannot be given to the container's user", e))?;
        }
        Ok(())
    }

    /// Restores the owners of the folders and of everything in them, except for folders that other runs of this process use.
    ///
    /// # Errors
    /// [`Cause::MountUnusable`].
    pub(crate) fn restore(&mut self) -> Result<(), Failure> {
        let mut first = Ok(());
        for folder in std::mem::take(&mut self.folders) {
            let mut in_use = in_use();
            if let Some(entry) = in_use.get_mut(&folder.path) {
                entry.0 -= 1;
                if entry.0 == 0 {
                    in_use.remove(&folder.path);
                }
            }
            // The last run that uses this folder, or a parent of it, restores it.
            if in_use.keys().any(|other| folder.path.starts_with(other)) {
                continue;
            }
            let inner: Vec<_> = in_use.keys().filter(|other| other.starts_with(&folder.path)).cloned().collect();
            // Under the lock, so that no other run takes the folder meanwhile.
            first = first.and(restore_owner(&folder, &inner));
        }
        first
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        let _ = self.restore();
    }
}

/// Restores the owner of a folder that a killed run left: only of files that belong to the container's user, and of none
/// that a run of this process uses. A missing folder is no error.
///
/// # Errors
/// [`Cause::MountUnusable`].
pub(super) fn restore_leftover(folder: &FolderOwner) -> Result<(), Failure> {
    let in_use = in_use();
    if !folder.path.is_absolute() || in_use.keys().any(|other| folder.path.starts_with(other)) {
        return Ok(());
    }
    let inner: Vec<_> = in_use.keys().filter(|other| other.starts_with(&folder.path)).cloned().collect();
    restore_owner(folder, &inner)
}

fn restore_owner(folder: &FolderOwner, except: &[PathBuf]) -> Result<(), Failure> {
    let to = (folder.uid, folder.gid);
    match walk(&folder.path, except, &mut |owner| (owner == SANDBOX_UID).then_some(to)) {
        Err(Errno::NOENT) => Ok(()),
        other => other.map_err(|e| unusable(folder, "cannot be given back to its owner", e)),
    }
}

fn in_use() -> MutexGuard<'static, BTreeMap<PathBuf, (usize, FolderOwner)>> {
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn caller() -> (u32, u32) {
    (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw())
}

fn unusable(folder: &FolderOwner, what: &str, error: Errno) -> Failure {
    let why = format!("its content {what}: {}", std::io::Error::from(error));
    Cause::MountUnusable { source: folder.path.clone(), why }.into()
}

/// Changes the owner of a path and of everything below it, except for the paths in `except`. `to` maps the old owner to the
/// new owner and group; `None` keeps it.
fn walk(path: &Path, except: &[PathBuf], to: &mut dyn FnMut(u32) -> Option<(u32, u32)>) -> Result<(), Errno> {
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::INVAL)?;
    below(CWD, &name, path, except, to, 0)
}

fn below(
    folder: impl AsFd,
    name: &CStr,
    path: &Path,
    except: &[PathBuf],
    to: &mut dyn FnMut(u32) -> Option<(u32, u32)>,
    depth: usize,
) -> Result<(), Errno> {
    if except.iter().any(|one| one == path) {
        return Ok(());
    }
    if depth > DEEPEST {
        return Err(Errno::NAMETOOLONG);
    }
    let status = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if let Some((uid, gid)) = to(status.st_uid) {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        chownat(&folder, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    if FileType::from_raw_mode(status.st_mode) != FileType::Directory {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inside = openat(&folder, name, flags, Mode::empty())?;
    for entry in Dir::read_from(&inside)? {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            let path = path.join(std::ffi::OsStr::from_bytes(name.to_bytes()));
            match below(&inside, name, &path, except, to, depth + 1) {
                // Removed meanwhile by another container of this process.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                other => other?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, lchown, symlink};

    use super::*;

    /// Returns the owner of a path, without following a link.
    fn owner(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().uid()
    }

    #[test]
    fn owners_are_changed_and_restored_without_following_links() {
        if caller().0 != 0 {
            eprintln!("skipped: only root can change owners");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (out, outside) = (folder.path().join("out"), folder.path().join("outside"));
        fs::create_dir_all(out.join("a/b")).unwrap();
        fs::write(out.join("a/b/c"), "").unwrap();
        fs::write(&outside, "").unwrap();
        symlink(&outside, out.join("link")).unwrap();
        lchown(&out, Some(1234), Some(1234)).unwrap();
        let mounts = [Mount::write(&out, "/out"), Mount::read(folder.path(), "/in")];
        let inner = [Mount::write(&out.join("a"), "/a")];
        let (mut first, mut second) = (Ownership::record(&mounts).unwrap(), Ownership::record(&mounts).unwrap());
        first.take().unwrap();
        let mut third = Ownership::record(&inner).unwrap();
        for path in [&out, &out.join("a/b/c"), &out.join("link")] {
            assert_eq!(owner(path), SANDBOX_UID, "{path:?}");
        }
        first.restore().unwrap();
        assert_eq!(owner(&out), SANDBOX_UID, "another run still uses it");
        second.restore().unwrap();
        assert_eq!((owner(&out), owner(&out.join("link"))), (1234, 1234));
        assert_eq!(owner(&out.join("a/b/c")), SANDBOX_UID, "a run still uses the inner folder");
        third.restore().unwrap();
        assert_eq!((owner(&out.join("a/b/c")), owner(&outside)), (0, 0));
        // A folder left by a killed run goes to the caller.
        lchown(&out, Some(SANDBOX_UID), Some(SANDBOX_UID)).unwrap();
        let left = Ownership::record(&mounts[..1]).unwrap();
        assert_eq!(left.folders(), [FolderOwner { path: out.canonicalize().unwrap(), uid: 0, gid: 0 }]);
        drop(left);
        assert_eq!(owner(&out), 0, "restored on drop");
        assert!(restore_leftover(&FolderOwner { path: folder.path().join("gone"), uid: 0, gid: 0 }).is_ok());
    }
}
