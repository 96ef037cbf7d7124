//! Encodes sentences with images and writes states, attention and head scores to files.
//!
//! - [`ModelSizes`]: the sizes and heads of a model, derived from the tensors of its checkpoint;
//! - [`Encoder`]: the model with whatever heads its checkpoint has;
//! - [`Pair`]: a sentence and its images, from a file, from lists or from a task's split;
//! - [`ImageFeatures`]: the features of the images;
//! - [`encode()`]: encodes all pairs to one safetensors file, or to shards that a later run completes;
//! - [`BestScores`]: the best scores of the heads, for people.

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
pub use encoder::{Encoder, RequestedOutputs};
pub use features::ImageFeatures;
pub use layout::{MANIFEST, OutputLayout};
pub use pairs::{Pair, pairs_of_file, pairs_of_lists, pairs_of_split, with_features};
pub use run::{EncodeInput, EncodeOutcome, EncodeSettings, encode};
pub use show::{BestScores, answer_names};
pub use sizes::{AttentionHeads, ModelSizes, read_attention_heads};
