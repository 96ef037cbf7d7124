//! `repro features`: inspects, compares and shows feature files.

mod class_names;
mod command;
mod compare;
mod format;
mod inspect;
mod show;

pub use command::{Args, run};
