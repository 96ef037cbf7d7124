//! What the worker said, in a file: a harness that starts anew reads it.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use base::error::{Error, Result};

/// The file's name in a stage's folder or a training's.
pub struct Record(File);

impl Record {
    /// Opens a file to append to; makes it where it is not there.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        File::options().append(true).create(true).open(path).map(Self).map_err(|e| Error::io("open", path, &e))
    }

    /// Appends a line. What cannot be written is no reason to stop the work.
    pub fn append(&mut self, line: &str) {
        let _ = self.0.write_all(format!("{line}\n").as_bytes());
    }
}
