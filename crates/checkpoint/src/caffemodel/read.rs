//! Reads a net of Caffe into tensors.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;

use super::net::blobs;
use super::recognise::{START, check_start, looks_like};
use crate::mapped_file::parse_file;
use crate::tensor::StateDict;
use base::error::Result;
use base::files;

/// Reads a `.caffemodel` file. Tensors are named `<layer>/<blob>`, such as `conv1/0`, and are in the file's order; layers without
/// weights have none. The file is mapped: a blob that is one run of 32-bit floats points into it, at any byte; others are copied.
/// Shapes are those of the file, which has four dimensions for every tensor if it is old: see [`super::same_shape`].
///
/// # Errors
/// Data if it is another kind of file, which the error names, or is damaged: the error names the layer and the byte.
pub fn read_caffemodel(path: &Path) -> Result<StateDict> {
    parse_file(path, |content| {
        check_start(content)?;
        from_bytes(content)
    })
}

/// Returns whether a file is a net of Caffe by its content, or is meant to be one by its name. A file that cannot be read is none.
pub fn is_caffemodel(path: &Path) -> bool {
    let start = || -> Option<bool> {
        let mut start = Vec::new();
        files::open_regular(path).ok()?.take(START).read_to_end(&mut start).ok()?;
        Some(looks_like(&start))
    };
    path.is_file() && (path.extension().is_some_and(|ending| ending == "caffemodel") || start() == Some(true))
}

/// Reads the bytes of a file like [`read_caffemodel`].
pub(crate) fn from_bytes(content: &Bytes) -> Result<StateDict> {
    blobs(content)?.into_iter().map(|named| Ok((named.name, named.blob.tensor(content)?))).collect()
}
