//! Reads Caffe's binary nets with weights (`.caffemodel`, a `NetParameter` of protobuf), without executing anything. Memory is that
//! of the tensors' names and shapes, besides values that a file does not hold as one run of 32-bit floats, which are copied.
//!
//! - [`read_caffemodel`]: reads a file into tensors named `<layer>/<blob>`;
//! - [`convert_caffemodel`], [`convert_caffemodel_once`]: convert a file to safetensors, the latter under its digest;
//! - [`is_caffemodel`]: recognises a file;
//! - [`same_shape`]: compares shapes as Caffe does.

mod blob;
mod convert;
mod net;
mod read;
mod recognise;
mod wire;

pub use blob::same_shape;
pub use convert::{convert_caffemodel, convert_caffemodel_once};
pub(super) use read::from_bytes;
pub use read::{is_caffemodel, read_caffemodel};
pub(super) use recognise::looks_like;

#[cfg(test)]
mod convert_tests;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod tests;
