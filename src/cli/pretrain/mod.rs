//! `repro pretrain`: pre-trains LXMERT.

mod command;
mod options;

pub(crate) use command::{Args, run};
