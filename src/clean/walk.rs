//! Looks through folders without following links.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

/// The entries of a folder that are no links, in order; empty if it cannot be listed.
pub(super) fn entries(folder: &Path) -> Vec<(PathBuf, Metadata)> {
    let Ok(read) = fs::read_dir(folder) else { return Vec::new() };
    let look = |entry: fs::DirEntry| Some((entry.path(), entry.metadata().ok()?));
    let mut all: Vec<_> = read.flatten().filter_map(look).filter(|(_, data)| !data.is_symlink()).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// The folders in a folder that are no links.
pub(super) fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|(_, data)| data.is_dir()).map(|(path, _)| path).collect()
}

/// Bytes of a file, or of all files below a folder.
pub(super) fn bytes(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() => entries(path).iter().map(|(path, _)| bytes(path)).fold(0, u64::saturating_add),
        Ok(data) if data.is_file() => data.len(),
        _ => 0,
    }
}

/// Calls `each` with every file and folder below a folder. What `each` returns `false` for is not entered.
pub(super) fn every(folder: &Path, each: &mut impl FnMut(&Path, &Metadata) -> bool) {
    for (path, data) in entries(folder) {
        if each(&path, &data) && data.is_dir() {
            every(&path, each);
        }
    }
}

/// Whether `path` is there, is no link, and is really below `root`: no folder on the way is a link out of it.
pub(super) fn is_inside(root: &Path, path: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let Some((root, above)) = real(root).zip(path.parent().and_then(real)) else { return false };
    above.starts_with(root) && fs::symlink_metadata(path).is_ok_and(|data| !data.is_symlink())
}

/// The last part of a path as text.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
