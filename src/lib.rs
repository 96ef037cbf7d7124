//! Reproduces the published results of LXMERT (Tan and Bansal, EMNLP 2019), from an empty machine to a verdict.
//!
//! Modules; each uses only those below it and the crates of the workspace:
//!
//! - [`cli`]: the command line; one file per command turns arguments into settings and calls the other modules.
//! - [`doctor`]: checks whether this machine has what a run needs.
//! - [`mod@bench`]: measures tokenising, reading features, verifying, fetching and unpacking.
//! - [`pipeline`]: runs `repro all`: stages, their fingerprints, the journal of a run.
//! - [`prepare`]: prepares fetched files for training: unpacks, processes, counts, builds feature stores.
//! - [`demo`]: the embedded demonstration: drawn scenes, questions about them, and a classical detector.
//! - [`extract`]: extracts obj36 features from images, with any detector or the original's script in its container.
//! - [`feature_page`]: a page that shows the boxes of feature files on their pictures.
//! - [`images`]: the container images that the program uses, and their pins.
//! - [`clean`]: shows disk usage, and removes files by class.
//! - [`runs`]: lists runs, trainings and evaluations in a folder.
//! - [`answers`]: converts the outcome of answering in a worker to the types of evidence.
//! - [`step_times`]: measured speeds of training steps, kept between runs, and what estimates use of them.
//! - [`nvidia_smi`]: which GPUs this machine has.
//! - [`placement`]: starts workers, on this machine or in a container, and relays their events.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod answers;
pub mod bench;
pub mod clean;
pub mod cli;
pub mod demo;
pub mod doctor;
pub mod extract;
pub mod feature_page;
pub mod images;
pub mod nvidia_smi;
pub mod pipeline;
pub mod placement;
pub mod prepare;
pub mod runs;
pub mod step_times;
