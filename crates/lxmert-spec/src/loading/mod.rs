//! Checkpoints under the original's names, and the maps from them to a model.
//!
//! - [`read_weights`], [`read()`]: a file of any program becomes weights under the original's names;
//! - [`plan`]: which tensor of a checkpoint goes where in a model, and what is missing;
//! - [`hf`], `volta`, `wrappers`: other programs' names;
//! - [`Catalogue`]: which tensors a model has;
//! - [`bert_weights`]: BERT's own release, packed or not;
//! - [`locate()`]: the original's habit of naming checkpoints without their suffix.

mod bert;
mod catalogue;
mod diagnose;
pub mod hf;
mod load;
mod locate;
mod names;
mod policy;
mod read;
mod volta;
mod wrappers;

pub use bert::{BertArchive, BertConfig, bert_weights, look_at_bert};
pub use catalogue::{Catalogue, Heads, Objects, Sizes};
pub use load::plan;
pub use locate::locate;
pub use names::{Origin, Weights, to_original};
pub use policy::{LoadReport, Policy};
pub use read::{read, read_weights};

#[cfg(test)]
mod fixture_tests;
#[cfg(test)]
mod load_tests;
