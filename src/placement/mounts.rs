//! Mounts files and folders into a container at the same paths, so that paths mean the same inside and outside.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use base::error::{Error, Result};
use sandbox::{Access, Mount};

/// Folders that the image needs itself: nothing may be mounted over them.
const NEEDED: [&str; 12] = [
    "/bin",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr/lib",
    "/usr/local/bin",
    "/usr/local/lib/lxmert-repro",
];
/// Maximum depth of folders that are searched for links.
const DEEPEST: usize = 8;

/// The files and folders that a container sees.
#[derive(Debug, Default)]
pub struct Mounts {
    mounts: Vec<Mount>,
    seen: BTreeSet<PathBuf>,
}

impl Mounts {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file or folder, read-only, and the targets of links in the folder. A missing one is skipped: the program in the
    /// container reports it.
    ///
    /// # Errors
    /// Usage for a path that the image needs itself; infra for an unreadable folder.
    pub fn read(&mut self, path: &Path) -> Result<()> {
        let target = absolute_path(path)?;
        let Ok(source) = target.canonicalize() else { return Ok(()) };
        if !self.seen.insert(target.clone()) {
            return Ok(());
        }
        free(&target)?;
        self.mounts.push(Mount::read(&source, &target));
        self.links(&target, DEEPEST)
    }

    /// Adds the targets of the links in a folder, which may lie outside of it.
    fn links(&mut self, folder: &Path, depth: usize) -> Result<()> {
        if depth == 0 || !folder.is_dir() {
            return Ok(());
        }
        let unreadable = |e| Error::io("read the folder", folder, &e);
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_symlink() {
                let leads = std::fs::read_link(entry.path()).map_err(unreadable)?;
                self.read(&folder.join(leads))?;
            } else if kind.is_dir() {
                self.links(&entry.path(), depth - 1)?;
            }
        }
        Ok(())
    }

    /// Adds an existing folder, writable.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn write(&mut self, folder: &Path) -> Result<()> {
        let target = absolute_path(folder)?;
        free(&target)?;
        self.mounts.push(Mount::write(&target, &target));
        Ok(())
    }

    /// Mounts the empty folder `instead` at the path of `folder`, writable.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn write_elsewhere(&mut self, folder: &Path, instead: &Path) -> Result<()> {
        let target = absolute_path(folder)?;
        free(&target)?;
        self.mounts.push(Mount::write(instead, target));
        Ok(())
    }

    /// Returns all mounts. For a mount below a folder that is replaced by another, the mount point is created first: the engine would
    /// create one that belongs to root.
    ///
    /// # Errors
    /// Those of creating mount points.
    pub fn finish(mut self) -> Result<Vec<Mount>> {
        self.mounts.sort_by(|a, b| a.target.cmp(&b.target));
        let readable: Vec<PathBuf> =
            self.mounts.iter().filter(|m| m.access == Access::Read).map(|m| m.target.clone()).collect();
        // A file in a mounted folder needs no mount of its own.
        let hidden: Vec<PathBuf> =
            self.mounts.iter().filter(|m| m.source != m.target).map(|m| m.target.clone()).collect();
        self.mounts.retain(|mount| {
            let own = mount.access == Access::Write || mount.source != mount.target;
            own || hidden.iter().any(|above| mount.target.starts_with(above))
                || !readable.iter().any(|above| *above != mount.target && mount.target.starts_with(above))
        });
        for elsewhere in self.mounts.iter().filter(|m| m.access == Access::Write && m.source != m.target) {
            for below in self.mounts.iter().filter(|m| m.access == Access::Read) {
                let Ok(path) = below.target.strip_prefix(&elsewhere.target) else { continue };
                let (point, is_folder) = (elsewhere.source.join(path), below.source.is_dir());
                let folder = if is_folder { Some(point.as_path()) } else { point.parent() }.unwrap_or(&point);
                std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
                if !is_folder {
                    // An existing file serves as a mount point; it is not truncated, and a link is not followed.
                    match File::create_new(&point) {
                        Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(Error::io("create", &point, &e)),
                        _ => {}
                    }
                }
            }
        }
        Ok(self.mounts)
    }
}

/// Returns the absolute path without `..`.
pub fn absolute_path(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).map_err(|e| Error::io("find", path, &e))?;
    let mut plain = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    // Behind a link, `..` does not lead to the parent that the path names.
    match (absolute.canonicalize(), plain.canonicalize()) {
        (Ok(meant), found) if !found.as_ref().is_ok_and(|found| *found == meant) => {
            Err(Error::usage(format!("{} contains `..` after a link, which a container cannot follow", path.display()))
                .next(format!("name {} instead", meant.display())))
        }
        _ => Ok(plain),
    }
}

fn free(target: &Path) -> Result<()> {
    match NEEDED.iter().find(|needed| Path::new(needed).starts_with(target)) {
        None => Ok(()),
        Some(needed) => Err(Error::usage(format!(
            "{} cannot be mounted into a container: it would hide the image's own {needed}",
            target.display()
        ))
        .next("keep data and results in folders of their own")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_targets_of_links_are_mounted_too() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().canonicalize().unwrap().join(name);
        fs::create_dir_all(at("data/vqa")).unwrap();
        fs::create_dir(at("disk")).unwrap();
        for file in ["disk/a.tsv", "disk/b.tsv", "data/vqa/train.json"] {
            fs::write(at(file), "").unwrap();
        }
        symlink(at("disk/a.tsv"), at("data/vqa/a.tsv")).unwrap();
        symlink("../../disk/b.tsv", at("data/vqa/b.tsv")).unwrap();
        symlink("nowhere", at("data/dangling")).unwrap();
        symlink(at("data"), at("alias")).unwrap();
        let mut mounts = Mounts::new();
        for path in ["data", "data/vqa/train.json", "absent", "alias"] {
            mounts.read(&at(path)).unwrap();
        }
        let shown: Vec<_> = mounts.finish().unwrap().into_iter().map(|m| (m.source, m.target)).collect();
        let same = |name: &str| (at(name), at(name));
        assert_eq!(shown, [(at("data"), at("alias")), same("data"), same("disk/a.tsv"), same("disk/b.tsv")]);
    }

    #[test]
    fn a_replaced_folder_has_mount_points_for_files_that_are_read() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().canonicalize().unwrap().join(name);
        fs::create_dir_all(at("snap/data/deep")).unwrap();
        fs::create_dir(at("instead")).unwrap();
        fs::write(at("snap/BEST.pth"), "weights").unwrap();
        let mut mounts = Mounts::new();
        mounts.write_elsewhere(&at("snap"), &at("instead")).unwrap();
        mounts.read(&at("snap/BEST.pth")).unwrap();
        mounts.read(&at("snap/data/deep")).unwrap();
        assert_eq!(mounts.finish().unwrap().len(), 3);
        assert_eq!(fs::read(at("instead/BEST.pth")).unwrap(), b"");
        assert!(at("instead/data/deep").is_dir());
    }

    #[test]
    fn nothing_is_mounted_over_what_the_image_needs() {
        for path in ["/", "/usr", "/usr/local", "/etc", "/tmp", "/tmp/../tmp"] {
            let error = Mounts::new().read(Path::new(path)).err();
            // A machine without /usr/local mounts nothing.
            assert!(error.is_some() || !Path::new(path).exists(), "{path}");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        symlink(folder.path().join("a/b"), folder.path().join("link")).unwrap();
        let error = absolute_path(&folder.path().join("link/..")).unwrap_err().to_string();
        assert!(error.contains("contains `..` after a link"), "{error}");
        assert_eq!(absolute_path(&folder.path().join("a/b/..")).unwrap(), folder.path().join("a"));
    }
}
