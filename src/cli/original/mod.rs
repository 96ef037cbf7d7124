//! Runs the original's command lines unchanged, such as `repro bash run/vqa_finetune.bash 0 name --tiny`. Each is translated to
//! commands of this program, which are printed and run as if they had been typed.

mod command;
mod named_gpus;
mod options;
mod scripts;
#[cfg(test)]
mod tests;
mod translate;
mod translation;

pub(crate) use command::{Runner, run};
