//! What the worker said, in a file: a harness that starts anew reads it.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use base::error::{Error, Result};

/// The file that keeps it.
pub(crate) struct Record(File);

impl Record {
    /// Opens a file to append to; makes it where it is not there. Empties it first unless the work is `resumed`.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub(crate) fn open(path: &Path, resumed: bool) -> Result<Self> {
        let failed = |e| Error::io("open", path, &e);
        let file = File::options().append(true).create(true).open(path).map_err(failed)?;
        if !resumed {
            file.set_len(0).map_err(failed)?;
        }
        Ok(Self(file))
    }

    /// Appends a line. What cannot be written is no reason to stop the work.
    pub(crate) fn append(&mut self, line: &str) {
        let _ = self.0.write_all(format!("{line}\n").as_bytes());
    }
}
