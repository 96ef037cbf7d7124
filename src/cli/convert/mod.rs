//! `repro convert`.

mod command;
mod source;
mod target;

pub use command::{Args, run};
