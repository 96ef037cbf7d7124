//! Folders and files of this machine at the same places in a container, so that paths mean the same on both sides.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use base::error::{Error, Result};
use sandbox::{Access, Mount};

/// What the image needs of its own: nothing may be mounted over it.
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
/// Links are looked for in folders within folders up to here.
const DEEPEST: usize = 8;

/// What a container sees of this machine.
#[derive(Debug, Default)]
pub struct Mounts {
    mounts: Vec<Mount>,
    seen: BTreeSet<PathBuf>,
}

impl Mounts {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows a file or folder, read-only, and what links in the folder lead to. One that is not there is left out: whoever
    /// looks for it in the container says what is missing.
    ///
    /// # Errors
    /// Usage for a place that the container needs for itself; infra where a folder cannot be read.
    pub fn read(&mut self, path: &Path) -> Result<()> {
        let target = place(path)?;
        let Ok(source) = target.canonicalize() else { return Ok(()) };
        if !self.seen.insert(target.clone()) {
            return Ok(());
        }
        free(&target)?;
        self.mounts.push(Mount::read(&source, &target));
        self.links(&target, DEEPEST)
    }

    /// Shows what the links in a folder lead to, which may lie outside.
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

    /// Shows a folder that may be written; it must be there.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn write(&mut self, folder: &Path) -> Result<()> {
        let target = place(folder)?;
        free(&target)?;
        self.mounts.push(Mount::write(&target, &target));
        Ok(())
    }

    /// Lets what is written into `folder` land in the empty folder `instead`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn write_elsewhere(&mut self, folder: &Path, instead: &Path) -> Result<()> {
        let target = place(folder)?;
        free(&target)?;
        self.mounts.push(Mount::write(instead, target));
        Ok(())
    }

    /// All of them. What is shown below a folder that is written elsewhere gets a place there: the engine would make one that
    /// belongs to root.
    ///
    /// # Errors
    /// Where a place cannot be made.
    pub fn finish(mut self) -> Result<Vec<Mount>> {
        self.mounts.sort_by(|a, b| a.target.cmp(&b.target));
        let readable: Vec<PathBuf> =
            self.mounts.iter().filter(|m| m.access == Access::Read).map(|m| m.target.clone()).collect();
        // A file in a folder that is shown anyway needs no mount of its own.
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
                    // What is there is a place to mount on already; a file is not emptied, a link not followed.
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

/// The absolute path of a path, without `..`.
pub fn place(path: &Path) -> Result<PathBuf> {
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
    // Behind a link, `..` leads elsewhere than the name says.
    match (absolute.canonicalize(), plain.canonicalize()) {
        (Ok(meant), found) if !found.as_ref().is_ok_and(|found| *found == meant) => Err(Error::usage(format!(
            "{} leads through a link and back, which a container cannot follow",
            path.display()
        ))
        .next(format!("name {} instead", meant.display()))),
        _ => Ok(plain),
    }
}

fn free(target: &Path) -> Result<()> {
    match NEEDED.iter().find(|needed| Path::new(needed).starts_with(target)) {
        None => Ok(()),
        Some(needed) => Err(Error::usage(format!(
            "{} cannot be shown to a container: it would hide the container's own {needed}",
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
    fn what_links_lead_to_is_shown_too() {
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
    fn what_is_written_elsewhere_has_places_for_what_is_read() {
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
    fn the_container_keeps_what_it_needs() {
        for path in ["/", "/usr", "/usr/local", "/etc", "/tmp", "/tmp/../tmp"] {
            let error = Mounts::new().read(Path::new(path)).err();
            // A machine without /usr/local mounts nothing.
            assert!(error.is_some() || !Path::new(path).exists(), "{path}");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        symlink(folder.path().join("a/b"), folder.path().join("link")).unwrap();
        let error = place(&folder.path().join("link/..")).unwrap_err().to_string();
        assert!(error.contains("leads through a link and back"), "{error}");
        assert_eq!(place(&folder.path().join("a/b/..")).unwrap(), folder.path().join("a"));
    }
}
