//! `repro convert`.

mod command;
mod source;
mod target;

pub(crate) use command::{Args, run};
