//! What a checkpoint makes of sentences and images, written to files: states, attention, scores of the heads.
//!
//! - [`Sizes`]: what a model's sizes are, read off its checkpoint's tensors;
//! - [`Encoder`]: the model with whatever heads its checkpoint has;
//! - [`Pair`]: a sentence and its images, from a file, a command line or a task's split;
//! - [`Features`]: the images;
//! - [`encode()`]: all of them to one safetensors file, or to shards that a later run adds to;
//! - [`Shown`]: what the heads say, for a person.

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
