//! What LXMERT is, as data: sizes, names of tensors, how checkpoints of any program are loaded, and how the paper and the
//! demo train it.
//!
//! Must not know: libtorch, how anything is computed, trained or judged.
//!
//! - [`config`], [`description`]: sizes, and what a weights file says it is of;
//! - [`loading`]: other programs' names brought to the original's, and which tensor goes where in a model;
//! - [`tasks`]: what a model is pre-trained on;
//! - [`weights_names`]: names of the files in which trainings leave weights;
//! - [`paper`]: how the paper trains; [`demo`]: what the demo draws, asks and trains; [`recipe`]: what both say of a training.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod config;
pub mod demo;
pub mod description;
pub mod loading;
pub mod paper;
pub mod recipe;
pub mod tasks;
pub mod weights_names;

pub use config::Config;
pub use description::Description;
