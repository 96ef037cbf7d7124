//! Checkpoints: safetensors and `.pth` in and out, and the maps between their names and the model's.
//!
//! - [`read_weights`], [`read()`], [`read_bytes`], [`read_pth`], [`read_safetensors`]: a file becomes a [`StateDict`]; nothing
//!   in it is executed.
//! - [`write_safetensors`], [`write_pth`]: the way back, atomic and byte for byte the same each time.
//! - [`plan`]: which tensor of a checkpoint goes where in a model, and what is missing.
//! - [`hf`], VOLTA, wrappers around models: other programs' names; [`read()`] brings them to the original's.
//! - [`Catalogue`]: which tensors a model has.
//! - [`bert_weights`]: BERT's own release, packed or not.
//! - [`locate()`]: the original's habit of naming checkpoints without their suffix.

mod bert;
mod catalogue;
mod content;
mod diagnose;
mod finite;
pub mod hf;
mod legacy;
mod load;
mod locate;
mod mapped;
mod names;
mod pickle;
mod pickle_rules;
mod pickle_value;
mod pth;
mod pth_write;
mod read;
mod safetensors_file;
mod strided;
mod tensor;
mod volta;
mod zipped;

pub use bert::{BertArchive, BertConfig, bert_weights, look_at_bert};
pub use catalogue::{Catalogue, Heads, Objects, Sizes};
pub use load::{LoadReport, Policy, plan};
pub use locate::locate;
#[cfg(feature = "torch")]
pub(crate) use mapped::still_whole;
pub use names::{Origin, Weights, to_original};
pub use pth::read_pth;
pub use pth_write::write_pth;
pub use read::{look, read, read_as_named, read_bytes, read_weights};
pub use safetensors_file::{read_metadata, read_safetensors, write_safetensors, write_safetensors_digested};
pub use tensor::{DType, StateDict, TensorData};

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod fixture_tests;
#[cfg(test)]
mod load_tests;
