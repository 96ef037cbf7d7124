//! The embedded demonstration: drawn scenes, questions about them, and a classical detector.
//!
//! - [`scenes`], [`paint`], [`picture`]: the objects of a picture, painting it, PNG files;
//! - [`questions`]: the JSON files of VQA, GQA and NLVR2, answer tables and the vocabulary;
//! - [`detector`]: finds the objects in a PNG, as an [`Extractor`](crate::extract::Extractor);
//! - [`baselines`](mod@baselines): accuracies without the picture or without the question;
//! - [`generate()`]: writes all files except the features.
//!
//! The same recipe gives the same bytes on every machine: random integers come from ChaCha8, pictures from integer
//! arithmetic, features from sums of integers.

pub mod baselines;
pub mod detector;
mod generate;
pub mod paint;
pub mod picture;
pub mod questions;
pub mod random;
pub mod scenes;

pub use baselines::baselines;
pub use detector::DemoDetector;
pub use generate::{DemoManifest, FeatureFile, VERSION, generate};
pub use lxmert_spec::demo::DemoRecipe;
