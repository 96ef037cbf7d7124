//! Tensor files: safetensors and `.pth` in and out, and folders of Hugging Face's layout. Nothing in a file is executed.
//!
//! Must not know: any model's names.
//!
//! - [`read_as_named`], [`read_bytes`], [`read_pth`], [`read_safetensors`]: a file becomes a [`StateDict`];
//! - [`write_safetensors`], [`write_pth`]: the way back, atomic and byte for byte the same each time;
//! - [`folder`], [`shards`]: the files of a model in a folder;
//! - [`finite`], [`still_whole`]: whether values are numbers, and whether mapped files are as long as they were.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

mod at_hand;
mod content;
mod damaged;
pub mod finite;
mod flat;
pub mod folder;
mod legacy;
mod mapped;
mod open;
mod pickle;
mod pickle_rules;
mod pickle_value;
mod pth;
mod pth_write;
mod read;
mod safetensors_file;
pub mod shards;
mod strided;
mod tensor;
mod zipped;

pub use at_hand::read_bytes;
pub use mapped::still_whole;
pub use pth::read_pth;
pub use pth_write::write_pth;
pub use read::{look, read_as_named};
pub use safetensors_file::{read_metadata, read_safetensors, write_safetensors, write_safetensors_digested};
pub use tensor::{DType, StateDict, TensorData};

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod fixture_tests;
