//! Writes the worker's events into a file, which a harness can read after a restart.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use base::error::{Error, Result};

/// A file of events.
pub(crate) struct Record(File);

impl Record {
    /// Opens or creates a file to append to. Empties it first unless the job is `resumed`.
    ///
    /// # Errors
    /// Infra or disk if the file cannot be opened.
    pub(crate) fn open(path: &Path, resumed: bool) -> Result<Self> {
        let failed = |e| Error::io("open", path, &e);
        let file = File::options().append(true).create(true).open(path).map_err(failed)?;
        if !resumed {
            file.set_len(0).map_err(failed)?;
        }
        Ok(Self(file))
    }

    /// Appends a line. Ignores errors, which must not stop the job.
    pub(crate) fn append(&mut self, line: &str) {
        let _ = self.0.write_all(format!("{line}\n").as_bytes());
    }
}
