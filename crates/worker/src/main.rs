//! `repro-worker`: links libtorch and computes. It is given one piece of work by `repro`, and says in events how it goes.
//!
//! Must not know: command lines for people, containers, verdicts.
//!
//! - `verbs`: what it can be asked for;
//! - `emit`, `record`: how it speaks, to whoever started it and into a file;
//! - `lifeline`: it ends in order when whoever started it has gone;
//! - `devices`: what it can compute on;
//! - `jobs`: one file for each kind of work.

mod devices;
mod emit;
mod jobs;
mod lifeline;
mod memory;
mod record;
mod verbs;

use std::process::ExitCode;

fn main() -> ExitCode {
    verbs::run()
}
