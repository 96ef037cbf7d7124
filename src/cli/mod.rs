//! Arguments: one file per command turns them into settings and calls the engine.

mod all;
mod answering;
mod assets;
mod bench;
mod breaks;
mod check;
mod choices;
mod clean;
mod compute;
mod convert;
mod defaults;
mod doctor;
#[cfg(test)]
mod documents;
mod encode;
mod engine;
mod evaluate;
mod extract;
pub mod features;
mod fetch;
mod first_look;
mod forms;
mod images;
mod options;
mod original;
mod original_extras;
mod output;
mod parser;
mod predict;
mod prepare;
mod pretrain;
mod progress;
mod regrade;
mod report;
mod runs;
mod scores;
mod stage;
mod start;
mod stopping;
mod surroundings;
mod train;
mod values;
mod verify;
mod version;
mod words;

pub use parser::Cli;
