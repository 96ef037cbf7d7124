//! What is asked of a program elsewhere, as a file that it reads.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use serde::Serialize;
use tempfile::NamedTempFile;

use super::work::Asked;
use base::error::{Error, Result};
use protocol::{Request, SCHEMA};

/// From what a worker must be built to work with this program.
pub const SOURCE: &str = env!("REPRO_WORKER_SOURCE");

/// The request as a file.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn request(asked: &Asked) -> Result<NamedTempFile> {
    written(&Request {
        schema: SCHEMA,
        source: SOURCE.to_owned(),
        device: asked.device.clone(),
        threads: u32::try_from(asked.threads).map_err(|_| Error::usage("too many threads"))?,
        record: asked.record.clone(),
        lifeline: true,
        job: asked.job.clone(),
    })
}

/// A request as a file that anybody may read: in a container, another user than this one does.
///
/// # Errors
/// Where it cannot be written.
pub fn written(request: &impl Serialize) -> Result<NamedTempFile> {
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
