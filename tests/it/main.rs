//! User-level tests: each starts the real programs, a real engine or a real server. They are one binary, so that helpers are compiled
//! once; `cargo test --test it NAME::` runs one module. Unit tests are beside their code, comparisons with the original's numbers in
//! `tests/parity`, tests of the sandbox with real engines in `crates/sandbox/tests/engines`.

/// Helpers of several modules: starting programs, small data sets, engines, servers.
mod common;

// The command line and the machine.

/// `repro clean`.
mod clean;
/// Help, mistakes in arguments, and messages of training and prediction on the demo's data.
mod cli;
/// `repro doctor`.
mod doctor;
/// `ci/gpu-check` with stand-ins.
mod gpu_check;
/// `ci/install`: both programs in a folder of their own.
mod install;
/// Progress of long work, on a terminal and without one.
mod progress;
/// The setup scripts in `ci/`.
mod setup;
/// `repro` with its worker: killed, stopped, replaced, out of date.
mod worker;

// Published files and data.

/// `repro fetch`: options, sources, output.
mod fetch_cli;
/// `repro fetch` from servers that misbehave.
mod fetch_faults;
/// `repro fetch`, killed or started twice.
mod fetch_kill;
/// Full disks, for every command that writes large files.
mod full_disk;
/// The shipped manifest of files.
mod manifest;
/// `repro fetch` from a real nginx server.
mod nginx;
/// `repro prepare` on small generated files.
mod prepare;
/// `repro prepare` on real files.
mod prepare_real;
/// `repro verify`.
mod verify;

// Features and containers.

/// `repro extract --backend caffe-cpu`: the original's program without a GPU.
mod caffe_cpu;
/// `repro features compare`.
mod compare;
/// `repro extract` with a stand-in for the original's image.
mod extract;
mod extract_native;
/// `repro images`: pull, build, pin.
mod images;
/// `repro features show`.
mod show;
/// Training inside the training image.
mod train_container;

// Models and training.

/// `repro bench`.
mod bench;
/// `repro convert`.
mod convert;
/// Default values of options: the paper's for the task.
mod defaults;
/// `repro encode`.
mod encode;
/// Hours of trainings, from a step that `repro bench train` measured.
mod hours;
/// Exchange of models with other programs.
mod interchange;
/// A workspace of an older version.
mod old_workspace;
/// The original's command lines, run unchanged by `repro`.
mod original;
/// `repro predict` and `repro evaluate`: submission files, ensembles.
mod predict;
/// `repro pretrain`.
mod pretrain;
/// Whole fine-tunings with the logs and weights of the original.
mod programs;
/// Training on the real mini data set.
mod real_data;
/// Fine-tuning, killed and resumed.
mod resume;
/// `repro train`: options, initial weights.
mod train_options;

// Whole runs and verdicts.

/// The text that each kind of run prints.
mod bundle;
/// `repro check` and `repro report`.
mod check;
/// Run folders whose files contradict each other.
mod contradictions;
/// `repro all --profile demo`.
mod demo;
/// `repro all`, `check` and `regrade` on the same evidence.
mod one_verdict;
/// `repro all --profile paper`, with a stand-in for the trainer.
mod paper;
/// `repro all --profile paper` with a tiny model.
mod paper_trained;
/// `repro regrade`.
mod regrade;
/// `repro runs`.
mod runs;

// All commands.

/// Situations that users met: inputs of other people's tools, interrupted work, unusual machines. Tests for bugs go here.
mod met;
