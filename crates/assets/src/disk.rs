//! Checks the free space of the disk before the first byte is written.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base::error::{Error, Result};
use base::format::human_bytes;

/// Returns the number of bytes that this user can write at `path`, or at its nearest existing parent.
///
/// # Errors
/// [`Error::io`] if the file system cannot be queried.
pub fn free(path: &Path) -> Result<u64> {
    let there = nearest(path);
    let room = rustix::fs::statvfs(there).map_err(|error| Error::io("look at", there, &error.into()))?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Checks that there is space for files with these sizes in bytes; sizes on one file system are added.
///
/// # Errors
/// Disk, naming each file system with too little space.
pub fn require_space(needs: &[(PathBuf, u64)]) -> Result<()> {
    require_space_with(needs, free)
}

fn require_space_with(needs: &[(PathBuf, u64)], free: impl Fn(&Path) -> Result<u64>) -> Result<()> {
    let mut sums: BTreeMap<u64, (&Path, u64)> = BTreeMap::new();
    for (path, bytes) in needs {
        let there = nearest(path);
        let device = std::fs::metadata(there).map_err(|error| Error::io("look at", there, &error))?.dev();
        let sum = sums.entry(device).or_insert((there, 0));
        sum.1 = sum.1.saturating_add(*bytes);
    }
    let mut short = Vec::new();
    for (folder, need) in sums.into_values() {
        let free = free(folder)?;
        if need > free {
            let (need, free, shortfall) = (human_bytes(need), human_bytes(free), human_bytes(need - free));
            short.push(format!("{} needs {need} and has {free} free: {shortfall} are missing", folder.display()));
        }
    }
    match short.is_empty() {
        true => Ok(()),
        false => Err(Error::disk("there is not enough room on the disk")
            .because(short.join("; "))
            .next("free some space, or choose another disk with --workspace DIR")),
    }
}

/// Returns the path itself or its first existing parent.
fn nearest(path: &Path) -> &Path {
    let parents = path.ancestors().filter(|parent| !parent.as_os_str().is_empty());
    let mut parents = parents.filter(|parent| parent.exists());
    parents.next().unwrap_or(Path::new(if path.is_absolute() { "/" } else { "." }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::error::Kind;

    #[test]
    fn needs_of_one_file_system_add_up() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("not/yet/a"), folder.path().join("b"));
        assert!(free(&a).unwrap() > 0);
        let of = |a_bytes, b_bytes| require_space_with(&[(a.clone(), a_bytes), (b.clone(), b_bytes)], |_| Ok(1_500));
        of(700, 800).unwrap();
        let error = of(700, 5_000_801).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), Kind::Disk);
        assert!(text.contains("needs 5.0 MB and has 1.5 kB free: 5.0 MB are missing"), "{text}");
        assert!(text.contains(&folder.path().display().to_string()) && text.contains("--workspace"), "{text}");
        assert_eq!(of(u64::MAX, u64::MAX).unwrap_err().kind(), Kind::Disk);
        require_space(&[]).unwrap();
    }

    #[test]
    fn relative_paths_start_at_the_working_directory() {
        assert_eq!(nearest(Path::new("no-such-folder/a")), Path::new("."));
        assert!(free(Path::new("no-such-folder/a")).unwrap() > 0);
    }
}
