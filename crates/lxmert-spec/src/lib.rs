//! LXMERT as data: sizes, names of tensors, how checkpoints of other programs are loaded, and the recipes of the paper and the
//! demo.
//!
//! Must not know: libtorch, or how anything is computed, trained or judged.
//!
//! - [`config`], [`description`]: sizes, and what a weights file says about its model;
//! - [`loading`]: renames other programs' tensors to the original's names and maps them to a model;
//! - [`pretrain_tasks`]: the pre-training pretrain_tasks;
//! - [`weights_names`]: names of the weights files that trainings write;
//! - [`paper`], [`demo`]: the recipes of the paper and the demo; [`recipe`]: the parts that both share.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod config;
pub mod demo;
pub mod description;
pub mod loading;
pub mod paper;
pub mod pretrain_tasks;
pub mod recipe;
pub mod weights_names;

pub use config::Config;
pub use description::ModelDescription;
