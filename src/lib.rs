//! Reproduces the published results of LXMERT (Tan and Bansal, EMNLP 2019), from an empty machine to a verdict.
//!
//! The rooms of the house, each using only those below it:
//!
//! - [`cli`]: arguments; one file per command turns them into settings and calls the engine.
//! - [`doctor`]: whether this machine has what a run needs.
//! - [`mod@bench`]: measures training, prediction, tokenising and reading features.
//! - [`pipeline`]: what `repro all` runs: stages, their fingerprints, the journal of a run.
//! - [`prepare`]: what was fetched becomes what training reads: unpacked, processed, counted; stores built.
//! - [`grade`]: judges what runs left: golden files by name, rows, a report.
//! - [`evidence`]: what a finished run leaves so that it can be judged anywhere, and reading it back.
//! - [`report`]: one renderer per file: console, JSON, JUnit, Markdown, HTML.
//! - [`verdict`]: golden values and the comparison with them; knows nothing of how a run was made.
//! - [`demo`]: the embedded demonstration: drawn scenes, questions about them, and a classical detector.
//! - [`extract`]: what turns images into obj36 features: any detector, or the original's script in its container, made good.
//! - `encode` (feature `torch`): what a checkpoint makes of sentences and images, written to files.
//! - `train` (feature `torch`): BertAdam, schedules, the training loop, evaluation.
//! - [`lxrt`]: the model (feature `torch`) and its sizes; parameter names equal to the original's.
//! - [`dataset`]: VQA, GQA, NLVR2 and pre-training data, answer tables, tokeniser, evaluators, submission files.
//! - [`features`]: the obj36 TSV and the mapped feature store.
//! - [`checkpoint`]: safetensors and `.pth` in and out, name maps.
//! - [`images`]: the images that the program runs in, and their pins.
//! - [`assets`]: the manifest of published files, and fetching, verifying and unpacking them; knows nothing of LXMERT.
//! - [`container`]: the sandbox over a container engine; knows nothing of LXMERT.
//! - [`files`], `signals`, `cleanup`, [`error`], [`exit`], `plain`, `stdout`, [`tell`], [`versions`]: what everything uses.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

// First, for its macro.
#[macro_use]
pub mod tell;

pub mod assets;
pub mod bench;
pub mod checkpoint;
mod cleanup;
mod clock;
pub mod container;
pub mod dataset;
pub mod demo;
pub mod doctor;
#[cfg(feature = "torch")]
pub mod encode;
pub mod error;
pub mod evidence;
pub mod exit;
pub mod extract;
pub mod features;
pub mod files;
#[cfg(test)]
#[allow(dead_code)]
mod fixtures;
pub mod grade;
mod human;
pub mod images;
pub mod lxrt;
mod openmp;
pub mod pipeline;
mod plain;
pub mod prepare;
mod process;
pub mod report;
mod signals;
mod stdout;
#[cfg(feature = "torch")]
pub mod train;
pub mod verdict;
pub mod versions;

pub mod cli;
