//! The context and the outcome of a job.

use std::path::Path;

use serde_json::Value;
use tch::Device;

use crate::emitter::Emitter;
use base::error::{Error, Result};
use base::files::ContentDigest;
use protocol::FileFacts;

/// The outcome of a job.
pub(crate) struct JobOutcome {
    /// The result, whose type [`protocol::Job`] documents.
    pub result: Value,
    /// Files with large results.
    pub files: Vec<FileFacts>,
}

impl From<Value> for JobOutcome {
    fn from(result: Value) -> Self {
        Self { result, files: Vec::new() }
    }
}

impl JobOutcome {
    /// Returns a result with the facts about files that were written.
    ///
    /// # Errors
    /// Infra if a file cannot be read.
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

/// The context in which a job runs.
pub(crate) struct JobContext<'a> {
    /// Device to compute on.
    pub device: Device,
    /// Emitter of its events.
    pub emitter: &'a Emitter,
    /// File for its events; `None` for no file.
    pub record: Option<std::path::PathBuf>,
}

impl JobContext<'_> {
    /// Starts to write events into the record file, if there is one. A job must call this only after it has locked its folder.
    /// Empties the file first unless the job is `resumed`.
    ///
    /// # Errors
    /// Infra or disk if the file cannot be written.
    pub(crate) fn begin_record(&self, resumed: bool) -> Result<()> {
        self.record.as_deref().map_or(Ok(()), |file| self.emitter.record(file, resumed))
    }
}

/// Returns a result as JSON.
pub(super) fn result(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::bug("a result cannot be written").because(e))
}
