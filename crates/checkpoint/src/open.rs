//! Maps one file, and names it in errors.

use std::path::Path;

use bytes::Bytes;

use super::mapped;
use base::error::Result;

/// Maps `path`, hands it to `parse` and names the file in whatever goes wrong.
pub(crate) fn open<T>(path: &Path, parse: impl FnOnce(&Bytes) -> Result<T>) -> Result<T> {
    parse(&mapped::map(path)?).map_err(|e| e.while_doing(format!("cannot read the checkpoint {}", path.display())))
}
