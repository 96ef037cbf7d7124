//! Reads a checkpoint from bytes; the content decides the format, not the name.

use bytes::Bytes;

use super::content::stranger;
use super::{StateDict, legacy, pth, safetensors_file};
use base::error::Result;

/// Reads the bytes of one file. Tensors have the names that it gives them.
///
/// # Errors
/// Data if it is no checkpoint or is damaged.
pub fn read_bytes(content: &Bytes) -> Result<StateDict> {
    if safetensors_file::looks_like(content) {
        safetensors_file::from_bytes(content)
    } else if pth::looks_like_zip(content) || legacy::looks_like(content) {
        pth::from_bytes(content)
    } else {
        Err(stranger(content))
    }
}
