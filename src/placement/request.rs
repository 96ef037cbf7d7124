//! Writes requests: the files that a worker, or this program in a container, reads its work from.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use serde::Serialize;
use tempfile::NamedTempFile;

use super::worker_job::WorkerJob;
use base::error::{Error, Result};
use protocol::{Request, SCHEMA};

/// Digest of the source that a worker must be built from to match this program.
pub const SOURCE: &str = env!("REPRO_WORKER_SOURCE");

/// Writes the request for a worker.
///
/// # Errors
/// Those of writing the file; usage for too many threads.
pub(crate) fn request(asked: &WorkerJob) -> Result<NamedTempFile> {
    write_request(&Request {
        schema: SCHEMA,
        source: SOURCE.to_owned(),
        device: asked.device.clone(),
        threads: u32::try_from(asked.threads)
            .map_err(|_| Error::usage(format!("{} threads are too many", asked.threads)))?,
        record: asked.record.clone(),
        lifeline: true,
        job: asked.job.clone(),
    })
}

/// Writes a request to a temporary file that everybody may read, since a container reads it as a different user.
///
/// # Errors
/// Those of writing the file.
pub fn write_request(request: &impl Serialize) -> Result<NamedTempFile> {
    let text = serde_json::to_vec_pretty(request).map_err(|e| Error::bug("a request cannot be written").because(e))?;
    let failed = |e: std::io::Error| Error::io("write a request in", &std::env::temp_dir(), &e);
    let mut file = tempfile::Builder::new()
        .prefix("repro-request-")
        .permissions(PermissionsExt::from_mode(0o644))
        .tempfile()
        .map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    Ok(file)
}
