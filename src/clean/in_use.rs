//! Which files the processes of this machine have open or mapped. What runs on another machine is not seen: the claims and locks of the
//! program's own commands tell of that.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::walk::every;

/// The files that some process has open or mapped.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    /// Device and inode, which are the same inside a container.
    inodes: HashSet<(u64, u64)>,
    /// Paths of mapped files, since some file systems report a different device there.
    mapped: HashSet<PathBuf>,
}

impl OpenFiles {
    /// Asks `/proc`; processes of other people, which it does not show, are left out.
    pub(super) fn now() -> Self {
        let mut all = Self::default();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        let own = std::process::id().to_string();
        for process in
            processes.filter(|entry| entry.file_name().to_str().is_some_and(|name| is_number(name) && name != own))
        {
            all.add(&process.path());
        }
        all
    }

    fn add(&mut self, process: &Path) {
        for open in fs::read_dir(process.join("fd")).into_iter().flatten().flatten() {
            // The link leads to the file itself, wherever the process sees it.
            if let Ok(data) = fs::metadata(open.path()).as_ref().map(|data| (data.dev(), data.ino())) {
                self.inodes.insert(data);
            }
        }
        let maps = fs::read_to_string(process.join("maps")).unwrap_or_default();
        self.mapped.extend(maps.lines().filter_map(|line| Some(PathBuf::from(&line[line.find('/')?..]))));
    }

    /// Whether a file, or one below a folder, is open or mapped.
    pub(super) fn any_below(&self, path: &Path) -> bool {
        let is_open = |path: &Path| {
            let inode = fs::symlink_metadata(path).map(|data| (data.dev(), data.ino()));
            inode.is_ok_and(|inode| self.inodes.contains(&inode))
                || fs::canonicalize(path).is_ok_and(|real| self.mapped.contains(&real))
        };
        let mut found = is_open(path);
        every(path, &mut |path, _| {
            found = found || is_open(path);
            !found
        });
        found
    }
}
