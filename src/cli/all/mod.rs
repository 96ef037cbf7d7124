//! `repro all`.

mod command;
mod common;
mod demo;
mod paper;

pub(crate) use command::{Args, run};
