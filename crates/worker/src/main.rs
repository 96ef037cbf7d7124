//! `repro-worker`: the program that links libtorch. It executes one job for `repro` and reports as events.
//!
//! Must not know: command lines for people, containers, verdicts.
//!
//! - `verbs`: the worker's commands;
//! - `emitter`, `record`: emit events, to the program that started the worker and into a file;
//! - `lifeline`: shuts down when that program has gone;
//! - `devices`: the devices to compute on;
//! - `memory`: the memory of this process;
//! - `jobs`: one file for each kind of job.

mod devices;
mod emitter;
mod jobs;
mod lifeline;
mod memory;
mod record;
mod verbs;

use std::process::ExitCode;

fn main() -> ExitCode {
    torch_shim::cuda_library::load();
    verbs::run()
}
