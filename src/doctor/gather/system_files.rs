//! Finds programs and reads small files of the system.

use std::path::{Path, PathBuf};

use base::files::read_text;

/// Folders that are searched besides those in PATH.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];
/// Size limit of files.
const SMALL: u64 = 4 << 20;

/// Reads a small file; a missing one is empty.
pub(crate) fn text(path: impl AsRef<Path>) -> String {
    read_text(path.as_ref(), SMALL).unwrap_or_default()
}

/// Finds a program.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}
