//! Reads a checkpoint from bytes, in the format that the content shows.

use bytes::Bytes;

use super::foreign_file::foreign_file_error;
use super::{StateDict, caffemodel, pth, pth_legacy, safetensors_file};
use base::error::Result;

/// Reads the bytes of one file. Tensors keep the names of the file.
///
/// # Errors
/// Data if it is not a checkpoint or is damaged.
pub fn read_bytes(content: &Bytes) -> Result<StateDict> {
    if safetensors_file::looks_like(content) {
        safetensors_file::from_bytes(content)
    } else if pth::looks_like_zip(content) || pth_legacy::looks_like(content) {
        pth::from_bytes(content)
    } else if caffemodel::looks_like(content) {
        caffemodel::from_bytes(content)
    } else {
        Err(foreign_file_error(content))
    }
}
