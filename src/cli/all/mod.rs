//! `repro all`: runs a whole reproduction.

mod command;
mod common;
mod demo;
mod paper;

pub(crate) use command::{Args, run};
