//! Reproduces the published results of LXMERT (Tan and Bansal, EMNLP 2019), from an empty machine to a verdict.
//!
//! The rooms of the application, each using only those below it, and the crates below them all:
//!
//! - [`cli`]: arguments; one file per command turns them into settings and calls the engine.
//! - [`doctor`]: whether this machine has what a run needs.
//! - [`mod@bench`]: measures training, prediction, tokenising and reading features.
//! - [`pipeline`]: what `repro all` runs: stages, their fingerprints, the journal of a run.
//! - [`prepare`]: what was fetched becomes what training reads: unpacked, processed, counted; stores built.
//! - [`demo`]: the embedded demonstration: drawn scenes, questions about them, and a classical detector.
//! - [`extract`]: what turns images into obj36 features: any detector, or the original's script in its container, made good.
//! - [`images`]: the images that the program runs in, and their pins.
//! - [`clean`]: what takes up disk, and its removal by class.
//! - [`runs`]: what runs and trainings lie below a folder, as a list.
//! - [`answers`]: what a worker answered, in the words of evidence.
//! - [`placement`]: where work with libtorch is done; it starts workers and relays what they say.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod answers;
pub mod bench;
pub mod clean;
pub mod cli;
pub mod demo;
pub mod doctor;
pub mod extract;
pub mod images;
pub mod pipeline;
pub mod placement;
pub mod prepare;
pub mod runs;
