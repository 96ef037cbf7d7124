//! What is known of a partial file: where it came from, which version of it, and how much of it surely is on the disk.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use base::error::{Error, Result};
use base::files;

const SCHEMA: u32 = 1;
const FILE_LIMIT: u64 = 64 << 10;

/// What tells one version of a file from another for sure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Validator {
    /// A strong ETag, with its quotation marks.
    Etag(String),
    /// `Last-Modified`, as the server wrote it; for a file of this machine its time and number.
    Modified(String),
}

impl Validator {
    /// As `If-Range` wants it.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Etag(text) | Self::Modified(text) => text,
        }
    }
}

/// Kept beside the partial file, written before its first byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sidecar {
    schema: u32,
    /// As the manifest has it, not where it was redirected to.
    pub url: String,
    /// The version; `None` where the source does not tell.
    pub validator: Option<Validator>,
    /// Bytes of the whole file, where known.
    pub total: Option<u64>,
    /// The machine's boot during which it was written. Only in that one does the part hold everything written to it: what a
    /// killed process wrote stays, what the machine had not yet put on the disk when it went down does not.
    boot: Option<String>,
    /// Bytes of the part that are on the disk for sure.
    synced: u64,
}

impl Sidecar {
    /// For a part that is about to be written, of which `synced` bytes are on the disk.
    pub(crate) fn new(url: &str, validator: Option<Validator>, total: Option<u64>, synced: u64) -> Self {
        Self { schema: SCHEMA, url: url.to_owned(), validator, total, boot: boot(), synced }
    }

    /// The sidecar at `path`; one that is not there or cannot be understood is none.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let text = files::read_text(path, FILE_LIMIT).ok()?;
        serde_json::from_str(&text).ok().filter(|sidecar: &Self| sidecar.schema == SCHEMA)
    }

    /// Puts it in place, whole or not at all; under the part's claim nobody else does. A process that is killed meanwhile
    /// leaves at most [`unfinished`], which the next one writes over.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let bytes =
            serde_json::to_vec(self).map_err(|error| Error::bug("a sidecar cannot be written").because(error))?;
        let new = unfinished(path);
        let put = || {
            let mut file = files::create_own(&new)?;
            file.write_all(&bytes)?;
            // Where nothing of the part is on the disk for sure, nothing is lost with its sidecar.
            if self.synced > 0 {
                file.sync_all()?;
            }
            std::fs::rename(&new, path)
        };
        put().map_err(|error| Error::io("write", path, &error))
    }

    /// Removes it, and what a killed process left of it.
    pub(crate) fn remove(path: &Path) -> Result<()> {
        for path in [unfinished(path), path.to_owned()] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("remove", &path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// How much of a part of `length` bytes can be relied on.
    pub(crate) fn trusted(&self, length: u64) -> u64 {
        match self.boot == boot() {
            true => length,
            false => self.synced.min(length),
        }
    }

    /// Bytes of the part that are on the disk for sure.
    pub(crate) fn synced(&self) -> u64 {
        self.synced
    }
}

/// Where a sidecar is written before it gets its name.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("json.new")
}

/// Changes with every start of the machine.
fn boot() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_restart_only_what_was_synced_counts() {
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
