//! `repro all`.

mod command;
mod common;
mod demo;
mod paper;

pub use command::{Args, run};
