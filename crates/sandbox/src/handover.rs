//! Writable folders change hands for a run where the container's user is not the caller, and come back afterwards.
//!
//! Folders may hold whatever a container left there: they are walked by open folders, never by paths, and no link is
//! followed.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, chownat, openat, statat};
use rustix::io::Errno;

use super::failure::{Cause, Failure};
use super::lost::Folder;
use super::mount::{Access, Mount};
use super::user::NOBODY_ELSE;

/// Folders within folders at most; a container could make so many that nobody can walk them.
const DEEPEST: usize = 256;

/// Folders in use by this process's containers: they go back when the last of these has ended.
static IN_USE: Mutex<BTreeMap<PathBuf, (usize, Folder)>> = Mutex::new(BTreeMap::new());

/// The writable folders of one run. They go back when this is dropped, at the latest.
#[derive(Debug, Default)]
pub(super) struct Handover {
    folders: Vec<Folder>,
}

impl Handover {
    /// Notes the writable folders and their owners; nothing changes hands yet.
    ///
    /// # Errors
    /// [`Cause::MountUnusable`].
    pub(crate) fn of(mounts: &[Mount]) -> Result<Self, Failure> {
        let mut handover = Self::default();
        for mount in mounts.iter().filter(|mount| mount.access == Access::Write) {
            let unusable =
                |e: std::io::Error| Cause::MountUnusable { source: mount.source.clone(), why: e.to_string() };
            let path = mount.source.canonicalize().map_err(unusable)?;
            let status = statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| unusable(e.into()))?;
            // A folder that still belongs to a container's user was left by a run that was killed.
            let left = status.st_uid == NOBODY_ELSE;
            let (uid, gid) = if left { caller() } else { (status.st_uid, status.st_gid) };
            let folder = Folder { path: path.clone(), uid, gid };
            let mut in_use = in_use();
            let entry = in_use.entry(path).or_insert((0, folder));
            entry.0 += 1;
            handover.folders.push(entry.1.clone());
        }
        Ok(handover)
    }

    /// The folders, to be noted where they survive this process.
    pub(crate) fn folders(&self) -> &[Folder] {
        &self.folders
    }

    /// Gives all in the folders to the container's user.
    ///
    /// # Errors
    /// [`Cause::MountUnusable`] where the file system does not know owners, or does not let root change them.
    pub(crate) fn over(&self) -> Result<(), Failure> {
        for folder in &self.folders {
            let to = (NOBODY_ELSE, NOBODY_ELSE);
            walk(&folder.path, &[], &mut |owner| (owner != NOBODY_ELSE).then_some(to))
                .map_err(|e| unusable(folder, "cannot be handed to the container's user", e))?;
        }
        Ok(())
    }

    /// Gives all in the folders back, but for what other runs of this process still use.
    ///
    /// # Errors
    /// [`Cause::MountUnusable`].
    pub(crate) fn back(&mut self) -> Result<(), Failure> {
        let mut first = Ok(());
        for folder in std::mem::take(&mut self.folders) {
            let mut in_use = in_use();
            if let Some(entry) = in_use.get_mut(&folder.path) {
                entry.0 -= 1;
                if entry.0 == 0 {
                    in_use.remove(&folder.path);
                }
            }
            // The last of those that use it, or a folder around it, gives it back.
            if in_use.keys().any(|other| folder.path.starts_with(other)) {
                continue;
            }
            let inner: Vec<_> = in_use.keys().filter(|other| other.starts_with(&folder.path)).cloned().collect();
            // Under the lock: no other run may take the folder meanwhile.
            first = first.and(return_to_owner(&folder, &inner));
        }
        first
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        let _ = self.back();
    }
}

/// Gives back what a run that was killed left: only what belongs to the container's user, and nothing that a run of this
/// process uses. A folder that is gone is no error.
///
/// # Errors
/// [`Cause::MountUnusable`].
pub(super) fn give_back_later(folder: &Folder) -> Result<(), Failure> {
    let in_use = in_use();
    if !folder.path.is_absolute() || in_use.keys().any(|other| folder.path.starts_with(other)) {
        return Ok(());
    }
    let inner: Vec<_> = in_use.keys().filter(|other| other.starts_with(&folder.path)).cloned().collect();
    return_to_owner(folder, &inner)
}

fn return_to_owner(folder: &Folder, but: &[PathBuf]) -> Result<(), Failure> {
    let to = (folder.uid, folder.gid);
    match walk(&folder.path, but, &mut |owner| (owner == NOBODY_ELSE).then_some(to)) {
        Err(Errno::NOENT) => Ok(()),
        other => other.map_err(|e| unusable(folder, "cannot be handed back to its owner", e)),
    }
}

fn in_use() -> MutexGuard<'static, BTreeMap<PathBuf, (usize, Folder)>> {
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn caller() -> (u32, u32) {
    (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw())
}

fn unusable(folder: &Folder, what: &str, error: Errno) -> Failure {
    let why = format!("what is in it {what}: {}", std::io::Error::from(error));
    Cause::MountUnusable { source: folder.path.clone(), why }.into()
}

/// Changes the owner of a path and of all below it, but for the paths in `but`: `to` says the new owner and group for an
/// owner, or that it stays.
fn walk(path: &Path, but: &[PathBuf], to: &mut dyn FnMut(u32) -> Option<(u32, u32)>) -> Result<(), Errno> {
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::INVAL)?;
    below(CWD, &name, path, but, to, 0)
}

fn below(
    folder: impl AsFd,
    name: &CStr,
    path: &Path,
    but: &[PathBuf],
    to: &mut dyn FnMut(u32) -> Option<(u32, u32)>,
    depth: usize,
) -> Result<(), Errno> {
    if but.iter().any(|one| one == path) {
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
            match below(&inside, name, &path, but, to, depth + 1) {
                // Gone in between: another container of this process works there.
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

    /// Owner of a path, without following it.
    fn owner(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().uid()
    }

    #[test]
    fn goes_over_and_comes_back_without_following_links() {
        if caller().0 != 0 {
            eprintln!("skipped: only root hands folders over");
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
        let (mut first, mut second) = (Handover::of(&mounts).unwrap(), Handover::of(&mounts).unwrap());
        first.over().unwrap();
        let mut third = Handover::of(&inner).unwrap();
        for path in [&out, &out.join("a/b/c"), &out.join("link")] {
            assert_eq!(owner(path), NOBODY_ELSE, "{path:?}");
        }
        first.back().unwrap();
        assert_eq!(owner(&out), NOBODY_ELSE, "another run still uses it");
        second.back().unwrap();
        assert_eq!((owner(&out), owner(&out.join("link"))), (1234, 1234));
        assert_eq!(owner(&out.join("a/b/c")), NOBODY_ELSE, "a run still uses the inner folder");
        third.back().unwrap();
        assert_eq!((owner(&out.join("a/b/c")), owner(&outside)), (0, 0));
        // Left by a run of which nothing more is known: the caller's.
        lchown(&out, Some(NOBODY_ELSE), Some(NOBODY_ELSE)).unwrap();
        let left = Handover::of(&mounts[..1]).unwrap();
        assert_eq!(left.folders(), [Folder { path: out.canonicalize().unwrap(), uid: 0, gid: 0 }]);
        drop(left);
        assert_eq!(owner(&out), 0, "goes back even when nobody asks");
        assert!(give_back_later(&Folder { path: folder.path().join("gone"), uid: 0, gid: 0 }).is_ok());
    }
}
