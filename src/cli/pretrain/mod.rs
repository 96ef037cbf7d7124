//! `repro pretrain`.

mod command;
mod options;

pub(crate) use command::{Args, run};
