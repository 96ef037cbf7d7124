//! Where a program lies, and what a small file of the system says.

use std::path::{Path, PathBuf};

use base::files::read_text;

/// Where they lie beside the folders of PATH.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];
/// Files of the kernel are small.
const SMALL: u64 = 4 << 20;

/// The text of a small file; nothing where it is not there.
pub(crate) fn text(path: &str) -> String {
    read_text(Path::new(path), SMALL).unwrap_or_default()
}

/// Where a program lies.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}
