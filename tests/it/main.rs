//! User-level tests: each starts the real programs, a real engine or a real server, as a person would. One binary, so that helpers
//! are compiled once; `cargo test --test it NAME::` runs one module. A unit test stands beside its code, a comparison with the
//! original's numbers in `tests/parity`, the sandbox against real engines in `crates/sandbox/tests/engines`.

/// Helpers of several modules: starting programs, small data sets, engines, servers.
mod common;

// The command line and the machine.

/// `repro clean`.
mod clean;
/// Help, mistakes in arguments, versions, the demo's drawings and features by single commands.
mod cli;
/// `repro doctor`.
mod doctor;
/// `ci/install`: both programs at a place of their own.
mod install;
/// How far long work is, on a terminal and without one.
mod progress;
/// The scripts that a person runs first.
mod setup;
/// The two programs beside each other: killed, stopped, replaced, stale.
mod worker;

// Published files and data.

/// `repro fetch`: options, sources, what it prints.
mod fetch_cli;
/// `repro fetch` from servers that misbehave.
mod fetch_faults;
/// `repro fetch` that is killed, or started twice.
mod fetch_kill;
/// Full disks, for every command that writes much.
mod full_disk;
/// The shipped manifest of files.
mod manifest;
/// `repro fetch` from a real nginx.
mod nginx;
/// `repro prepare` on a small world.
mod prepare;
/// `repro prepare` on real files.
mod prepare_real;
/// `repro verify`.
mod verify;

// Features and containers.

/// `repro features compare`.
mod compare;
/// `repro extract` with a stand-in for the original's image.
mod extract;
/// `repro images`: pull, build, pin.
mod images;
/// Training inside the training image.
mod train_container;

// Models and training.

/// `repro bench`.
mod bench;
/// `repro convert`.
mod convert;
/// What an option is where nobody names it: the paper's value for the task.
mod defaults;
/// `repro encode`.
mod encode;
/// Models that other programs read, and theirs read here.
mod interchange;
/// What an older version left.
mod old_workspace;
/// The original's command lines behind `repro`.
mod original;
/// `repro predict` and `repro evaluate`: submission files, ensembles.
mod predict;
/// `repro pretrain`.
mod pretrain;
/// Whole fine-tunings of the original: the same logs and weights.
mod programs;
/// Learning the real mini data set.
mod real_data;
/// Fine-tuning that is killed and resumed.
mod resume;
/// `repro train`: options, first weights.
mod train_options;

// Whole runs and verdicts.

/// What a person reads of each kind of run.
mod bundle;
/// `repro check` and `repro report`.
mod check;
/// Run folders whose files contradict each other.
mod contradictions;
/// `repro all --profile demo`.
mod demo;
/// `repro all`, `check` and `regrade` on the same evidence.
mod one_verdict;
/// `repro all --profile paper`, with somebody in the trainer's place.
mod paper;
/// `repro all --profile paper` with a tiny model.
mod paper_trained;
/// `repro regrade`.
mod regrade;
/// `repro runs`.
mod runs;

// Whatever command it is.

/// Inputs of other people's tools, interrupted work, odd machines: what users met. A bug's test goes here.
mod met;
