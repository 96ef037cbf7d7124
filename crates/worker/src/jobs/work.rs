//! What every kind of work is given, and what it gives.

use std::path::Path;

use serde_json::Value;
use tch::Device;

use crate::emit::Emitter;
use base::error::{Error, Result};
use base::files::ContentDigest;
use protocol::FileFacts;

/// What work gave.
pub(crate) struct Finished {
    /// As the kind of job says.
    pub result: Value,
    /// Large results.
    pub files: Vec<FileFacts>,
}

impl From<Value> for Finished {
    fn from(result: Value) -> Self {
        Self { result, files: Vec::new() }
    }
}

impl Finished {
    /// A result beside files that were written.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub(super) fn with_files<'f>(
        value: &impl serde::Serialize,
        files: impl IntoIterator<Item = &'f Path>,
    ) -> Result<Self> {
        let facts = |path: &Path| {
            let ContentDigest { bytes, sha256 } = ContentDigest::of(path)?;
            Ok(FileFacts { path: path.to_owned(), size: bytes, sha256 })
        };
        Ok(Self { result: result(value)?, files: files.into_iter().map(facts).collect::<Result<_>>()? })
    }
}

/// What every kind of work is given.
pub(crate) struct Work<'a> {
    /// What it computes on.
    pub device: Device,
    /// How it speaks.
    pub emitter: &'a Emitter,
    /// The file that keeps what it says, where that is wanted.
    pub record: Option<std::path::PathBuf>,
}

impl Work<'_> {
    /// Keeps what is said from now on, where that is wanted: not before the work has its folder to itself. Work that is `resumed`
    /// adds to what was kept before.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(crate) fn begin_record(&self, resumed: bool) -> Result<()> {
        self.record.as_deref().map_or(Ok(()), |file| self.emitter.record(file, resumed))
    }
}

/// A result as JSON.
pub(super) fn result(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::bug("a result cannot be written").because(e))
}
