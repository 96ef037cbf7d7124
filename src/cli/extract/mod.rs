//! `repro extract`: extracts obj36 features from images.

mod args;
mod backends;
mod command;
mod forecast;
mod golden;
mod options;
mod page;

pub(crate) use args::Args;
pub(crate) use command::run;
