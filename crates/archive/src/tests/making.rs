use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use super::super::Archive;
use super::super::testing::member;
use base::error::Result;

/// Files below a folder, with their content; folders without.
pub(super) fn tree(root: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.symlink_metadata().unwrap().is_dir() {
                open.push(path);
                found.insert(name, None);
            } else {
                found.insert(name, Some(std::fs::read(path).unwrap()));
            }
        }
    }
    found
}

/// Returns the content of one file of an archive.
pub(super) fn content(archive: &Path, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = Archive::open(archive)?.file(&member(name))?.read_to_end(&mut bytes);
    read.map_err(|error| base::error::Error::io("unpack", archive, &error))?;
    Ok(bytes)
}

/// Unpacks all files of an archive.
pub(super) fn all(archive: &Path, to: &Path) -> Result<u64> {
    Archive::open(archive)?.folder(&member(""), to, &mut |_| {})
}
