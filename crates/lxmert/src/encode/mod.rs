//! Encodes sentences with images and writes states, attention and head scores to files.
//!
//! - [`Sizes`]: the sizes and heads of a model, derived from the tensors of its checkpoint;
//! - [`Encoder`]: the model with whatever heads its checkpoint has;
//! - [`Pair`]: a sentence and its images, from a file, a command line or a task's split;
//! - [`Features`]: the features of the images;
//! - [`encode()`]: encodes all pairs to one safetensors file, or to shards that a later run completes;
//! - [`Shown`]: the best scores of the heads, for people.

mod attention;
mod encoder;
mod features;
mod layout;
mod pairs;
mod run;
mod show;
mod sizes;
mod tensors;

pub use attention::attention_maps;
pub use encoder::{Encoder, Want};
pub use features::Features;
pub use layout::{MANIFEST, Output};
pub use pairs::{Pair, pairs_of_file, pairs_of_lists, pairs_of_split, with_features};
pub use run::{Encoded, Settings, Work, encode};
pub use show::{Shown, answer_names};
pub use sizes::{AttentionHeads, Sizes, described_heads};
