//! Command lines of the original behind `repro`, as they stand: `repro bash run/vqa_finetune.bash 0 name --tiny`. Each is
//! translated, said in our own words, and run as if that had been typed.

mod command;
mod options;
mod scripts;
#[cfg(test)]
mod tests;
mod translate;
mod translation;

pub(crate) use command::{Runner, run};
