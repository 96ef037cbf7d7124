//! Writes files atomically, reads them up to a size limit, and hashes them.

use super::open_regular;
use super::text;

use std::fs::{File, Metadata};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cleanup::{self, CleanupGuard};
use crate::error::{Error, Result};

/// Prefix of the names of temporary files.
const UNFINISHED: &str = ".writing-";

/// Size, time and inode of a file: equal values mean that its content need not be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// Bytes.
    pub size: u64,
    /// Time of the last change in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Inode number.
    pub inode: u64,
}

impl Stat {
    /// Extracts the values from a file's metadata.
    pub fn of(metadata: &Metadata) -> Self {
        let mtime_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        Self { size: metadata.len(), mtime_ns, inode: metadata.ino() }
    }
}

/// Creates the folder of `path` if it is missing, and returns it.
pub fn create_folder_of(path: &Path) -> Result<&Path> {
    let folder = folder_of(path);
    std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
    Ok(folder)
}

/// Returns the folder of `path`; `.` for a bare file name.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Renames a file and syncs its folder, so that the new name survives a power cut. The content must be on disk already.
pub fn rename_durably(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(|error| Error::io("write", to, &error))?;
    let folder = folder_of(to);
    let kept = File::open(folder).and_then(|folder| folder.sync_all());
    kept.map_err(|error| Error::io("write", folder, &error))
}

/// Checks that files can be created in `folder`, or the folder itself if it is missing. Creates nothing.
///
/// # Errors
/// Infra if the path is no folder, or this user may not write there.
pub fn check_writable(folder: &Path) -> Result<()> {
    let there = folder.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let Some(place) = there.into_iter().find(|path| path.symlink_metadata().is_ok()) else { return Ok(()) };
    if !place.is_dir() {
        return Err(Error::infra(format!("cannot write in {}", folder.display()))
            .because(format!("{} is not a folder", place.display()))
            .next("name another folder"));
    }
    let wanted = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::access(place, wanted).map_err(|error| Error::io("write in", place, &error.into()))
}

/// Writes `path` through a temporary file beside it, which is renamed after `fill` succeeded. A failure leaves the old file.
/// The folder is created if missing. The data is synced to disk before the rename.
pub fn write_atomically(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    PendingFile::write(path, fill)?.rename()
}

/// Writes several files; all are on disk before the first is renamed to its final name. They are renamed in this order.
pub fn write_together(files: &[(PathBuf, &[u8])]) -> Result<()> {
    let write = |(path, bytes): &(PathBuf, &[u8])| {
        PendingFile::write(path, |out| out.write_all(bytes).map_err(|e| Error::io("write", path, &e)))
    };
    let written: Vec<PendingFile> = files.iter().map(write).collect::<Result<_>>()?;
    written.into_iter().try_for_each(PendingFile::rename)
}

/// Creates a temporary file in `folder` that everybody may read. It is removed when dropped, or if a signal ends the program at
/// once.
pub fn temporary_in(folder: &Path, prefix: &str) -> Result<(tempfile::NamedTempFile, CleanupGuard)> {
    let make = || {
        let file = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(folder)?;
        let path = file.path().to_owned();
        Ok((file, path))
    };
    cleanup::temporary(make).map_err(|e: std::io::Error| Error::io("create a file in", folder, &e))
}

/// A complete file under a temporary name; removed when dropped.
struct PendingFile {
    temporary: tempfile::TempPath,
    path: PathBuf,
    _removed: CleanupGuard,
}

impl PendingFile {
    fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<Self> {
        let folder = create_folder_of(path)?;
        let (temporary, removed) = temporary_in(folder, UNFINISHED)?;
        let (file, temporary) = temporary.into_parts();
        let mut out = BufWriter::with_capacity(1 << 20, file);
        fill(&mut out)?;
        let file = out.into_inner().map_err(|e| Error::io("write", path, e.error()))?;
        file.sync_all().map_err(|e| Error::io("write", path, &e))?;
        Ok(Self { temporary, path: path.to_owned(), _removed: removed })
    }

    fn rename(self) -> Result<()> {
        self.temporary.persist(&self.path).map_err(|e| Error::io("write", &self.path, &e.error))
    }
}

/// Removes the temporary files that killed programs left in `folder`, which may be missing. No other process may be writing
/// there.
pub fn remove_unfinished(folder: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|e| Error::io("list", folder, &e))?,
    };
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("list", folder, &e))?;
        if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
            std::fs::remove_file(entry.path()).map_err(|e| Error::io("remove", &entry.path(), &e))?;
        }
    }
    Ok(())
}

/// Writes bytes like [`write_atomically`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |out| out.write_all(bytes).map_err(|e| Error::io("write", path, &e)))
}

/// Reads a whole UTF-8 text file of at most `limit` bytes, without a byte order mark.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    text::decode(path, read_bytes(path, limit)?)
}

/// Reads a whole file of at most `limit` bytes.
pub fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = open_regular(path)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", path, &e))?;
    if bytes.len() as u64 > limit {
        return Err(Error::data(format!(
            "{} is larger than the {limit} bytes expected of such a file",
            path.display()
        ))
        .next("check that it is the right file"));
    }
    Ok(bytes)
}

/// Returns the SHA-256 of a file's content in lower-case hexadecimal.
pub fn sha256(path: &Path) -> Result<String> {
    Ok(ContentDigest::of(path)?.sha256)
}

/// Size and checksum of a file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentDigest {
    /// Bytes.
    pub bytes: u64,
    /// Lower-case hexadecimal SHA-256.
    pub sha256: String,
}

impl ContentDigest {
    /// Reads a file to its end and hashes it.
    ///
    /// # Errors
    /// If it cannot be read or is no regular file.
    pub fn of(path: &Path) -> Result<Self> {
        let mut file = open_regular(path)?;
        let mut hasher = ContentHasher::default();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n = file.read(&mut buffer).map_err(|e| Error::io("read", path, &e))?;
            if n == 0 {
                return Ok(hasher.finish());
            }
            hasher.update(&buffer[..n]);
        }
    }
}

/// Computes a [`ContentDigest`] while the content is written.
#[derive(Default)]
pub struct ContentHasher {
    bytes: u64,
    sha256: Sha256,
}

impl ContentHasher {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.sha256.update(bytes);
    }

    /// Returns the digest of all bytes.
    pub fn finish(self) -> ContentDigest {
        ContentDigest { bytes: self.bytes, sha256: hex(&self.sha256.finalize()) }
    }
}

/// Returns the SHA-256 of bytes in lower-case hexadecimal.
pub fn sha256_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Formats bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/a");
        write_bytes(&path, b"good").unwrap();
        let failed = write_atomically(&path, |out| {
            out.write_all(b"half").unwrap();
            Err(Error::infra("disk full"))
        });
        assert!(failed.is_err());
        assert_eq!(read_bytes(&path, 10).unwrap(), b"good");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
        assert!(read_bytes(&path, 3).is_err());
        assert_eq!(sha256(&path).unwrap(), sha256_bytes(b"good"));
    }

    #[test]
    fn files_written_together_are_all_new_or_all_old() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        write_together(&[(a.clone(), b"1"), (b.clone(), b"1")]).unwrap();
        // The second cannot be begun: its folder is a file.
        assert!(write_together(&[(a.clone(), b"2"), (b.join("c"), b"2")]).is_err());
        assert_eq!([a, b].map(|path| read_bytes(&path, 9).unwrap()), [b"1", b"1"]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
    }
}
