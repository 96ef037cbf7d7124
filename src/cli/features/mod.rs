//! `repro features`: inspects and compares feature files.

mod command;
mod compare;
mod format;
mod inspect;

pub use command::{Args, run};
