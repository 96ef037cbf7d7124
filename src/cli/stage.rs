//! `repro stage`, hidden: the program outside a container calls it inside to run a stage (`pipeline/container`).

use std::path::PathBuf;

use clap::Subcommand;
use protocol::Event;

use crate::pipeline::container_entry::{hello, run as work, say};
use base::error::Result;
use base::exit;

/// The arguments of `repro stage`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a stage
    Run {
        /// File with the request, as JSON
        request: PathBuf,
    },
}

/// Runs the stage and prints its events, the last of which is its result or its error.
pub(crate) fn run(args: Args) -> Result<u8> {
    let Command::Run { request: path } = args.command;
    say(&Event::Hello(hello()))?;
    say(&match work(&path) {
        Ok(()) => Event::Done { result: ().into(), files: Vec::new() },
        Err(error) => Event::Failed { error },
    })?;
    Ok(exit::PASS)
}
