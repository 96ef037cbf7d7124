//! Reads and writes tensor files: safetensors, `.pth`, and folders in the layout of Hugging Face. Nothing in a file is
//! executed.
//!
//! Must not know: any model's names.
//!
//! - [`read_as_named`], [`read_bytes`], [`read_pth`], [`read_safetensors`]: read a file into a [`StateDict`];
//! - [`write_safetensors`], [`write_pth`]: write one, atomically and reproducibly byte for byte;
//! - [`folder`], [`shards`]: the files of a model in a folder;
//! - [`finite`], [`still_whole`]: check that values are finite, and that mapped files have kept their length.

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
