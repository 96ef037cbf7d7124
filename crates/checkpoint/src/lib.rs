//! Reads and writes tensor files: safetensors, `.pth`, and folders in the layout of Hugging Face; reads Caffe's `.caffemodel`. Nothing
//! in a file is executed.
//!
//! Does not depend on the names of any model's tensors.
//!
//! - [`read_checkpoint`], [`read_bytes`], [`read_pth`], [`read_safetensors`], [`read_caffemodel`]: read a file into a [`StateDict`];
//! - [`convert_caffemodel`], [`convert_caffemodel_once`]: convert a `.caffemodel` to safetensors, the latter under its digest;
//! - [`write_safetensors`], [`write_pth`]: write one, atomically, with the same bytes for the same content;
//! - [`folder`], [`shards`]: find the files of a model in a folder;
//! - [`finite`], [`check_not_truncated`]: check that values are finite, and that mapped files have kept their length.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

mod caffemodel;
mod error;
pub mod finite;
mod flat_dict;
pub mod folder;
mod foreign_file;
mod from_bytes;
mod mapped_file;
mod pickle;
mod pickle_rules;
mod pickle_value;
mod pth;
mod pth_legacy;
mod pth_write;
mod pth_zip;
mod read;
mod safetensors_file;
pub mod shards;
mod strided;
mod tensor;

pub use caffemodel::{convert_caffemodel, convert_caffemodel_once, is_caffemodel, read_caffemodel, same_shape};
pub use from_bytes::read_bytes;
pub use mapped_file::check_not_truncated;
pub use pth::read_pth;
pub use pth_write::write_pth;
pub use read::{check_format, read_checkpoint};
pub use safetensors_file::{read_metadata, read_safetensors, write_safetensors, write_safetensors_digested};
pub use tensor::{DType, StateDict, TensorData};

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod fixture_tests;
