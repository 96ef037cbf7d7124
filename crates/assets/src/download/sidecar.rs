//! The sidecar of a partial file: its source, its version, and the number of bytes that are certainly on disk.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use base::error::{Error, Result};
use base::files;

const SCHEMA: u32 = 1;
const FILE_LIMIT: u64 = 64 << 10;

/// A value that identifies the version of a file for certain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Validator {
    /// A strong ETag, with its quotation marks.
    Etag(String),
    /// `Last-Modified`, as the server wrote it; for a file on this machine, its time and inode.
    Modified(String),
}

impl Validator {
    /// Returns the value for `If-Range`.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Etag(text) | Self::Modified(text) => text,
        }
    }
}

/// The sidecar of a partial file; it is written before the first byte of that file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sidecar {
    schema: u32,
    /// URL in the manifest, not the target of a redirect.
    pub url: String,
    /// The version; `None` if the source does not tell.
    pub validator: Option<Validator>,
    /// Size of the complete file in bytes, if known.
    pub total: Option<u64>,
    /// Boot id of the machine when it was written. All bytes written during the same boot can be trusted: they survive a kill
    /// of the process, but after a power cut only synced bytes are certain.
    boot: Option<String>,
    /// Number of bytes of the partial file that are certainly on disk.
    synced: u64,
}

impl Sidecar {
    /// Creates the sidecar of a partial file that is about to be written, with `synced` bytes on disk.
    pub(crate) fn new(url: &str, validator: Option<Validator>, total: Option<u64>, synced: u64) -> Self {
        Self { schema: SCHEMA, url: url.to_owned(), validator, total, boot: boot(), synced }
    }

    /// Reads the sidecar at `path`; `None` if it is missing or invalid.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let text = files::read_text(path, FILE_LIMIT).ok()?;
        serde_json::from_str(&text).ok().filter(|sidecar: &Self| sidecar.schema == SCHEMA)
    }

    /// Writes it completely or not at all. The caller holds the claim. A killed process leaves at most [`unfinished`], which the
    /// next one overwrites.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::bug("cannot write a sidecar").because(error))?;
        let new = unfinished(path);
        let put = || {
            let mut file = files::create_own(&new)?;
            file.write_all(&bytes)?;
            // Without synced bytes, nothing is lost with the sidecar.
            if self.synced > 0 {
                file.sync_all()?;
            }
            std::fs::rename(&new, path)
        };
        put().map_err(|error| Error::io("write", path, &error))
    }

    /// Removes it, and the temporary file of a killed process.
    pub(crate) fn remove(path: &Path) -> Result<()> {
        for path in [unfinished(path), path.to_owned()] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("remove", &path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns how many bytes of a partial file of `length` bytes can be trusted.
    pub(crate) fn trusted(&self, length: u64) -> u64 {
        match self.boot == boot() {
            true => length,
            false => self.synced.min(length),
        }
    }

    /// Returns the number of bytes that are certainly on disk.
    pub(crate) fn synced(&self) -> u64 {
        self.synced
    }
}

/// Returns the temporary path at which a sidecar is written.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("json.new")
}

/// Returns the boot id of the machine, which changes with every boot.
fn boot() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_reboot_only_synced_bytes_are_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.part.json");
        assert_eq!(Sidecar::read(&path), None);
        let mut sidecar = Sidecar::new("https://x.org/a", Some(Validator::Etag("\"1\"".into())), Some(9), 3);
        sidecar.write(&path).unwrap();
        assert_eq!(Sidecar::read(&path).unwrap(), sidecar);
        assert_eq!(sidecar.trusted(7), 7);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        sidecar.boot = Some("another".into());
        assert_eq!((sidecar.trusted(7), sidecar.trusted(2)), (3, 2));
        std::fs::write(&path, "{\"schema\":1}").unwrap();
        assert_eq!(Sidecar::read(&path), None);
        std::fs::write(unfinished(&path), "half").unwrap();
        Sidecar::remove(&path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        Sidecar::remove(&path).unwrap();
    }
}
