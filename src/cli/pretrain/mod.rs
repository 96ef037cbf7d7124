//! `repro pretrain`.

mod command;
mod options;

pub use command::{Args, run};
