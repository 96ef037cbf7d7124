//! Reads checkpoints of any program under the original's tensor names, and maps them to a model.
//!
//! - [`read_weights`], [`read()`]: read a file and rename its tensors to the original's names;
//! - [`map_checkpoint`]: maps a checkpoint's tensors to a model's and reports what is missing;
//! - [`hf`], `volta`, `wrappers`: other programs' names;
//! - [`TensorCatalogue`]: the tensors that a model has;
//! - [`bert_weights`]: BERT's own release, packed or unpacked;
//! - [`locate()`]: finds a checkpoint that is named without its suffix, as the original does.

mod bert;
mod diagnose;
pub mod hf;
mod load_policy;
mod locate;
mod mapping;
mod original_names;
pub(crate) mod parameter_names;
mod read;
mod tensor_catalogue;
mod volta;
mod wrappers;

pub use bert::{BertArchive, BertConfig, bert_weights, check_bert_exists};
pub use load_policy::{LoadPolicy, LoadReport};
pub use locate::locate;
pub use mapping::map_checkpoint;
pub use original_names::{CheckpointOrigin, CheckpointWeights, to_original};
pub use read::{read, read_weights};
pub use tensor_catalogue::{EncoderSizes, ModelHeads, ObjectDecoders, TensorCatalogue};

#[cfg(test)]
mod fixture_tests;
#[cfg(test)]
mod mapping_tests;
