//! `repro stage`, hidden: what the program in an image is asked by the one outside (`pipeline/contained`).

use std::path::PathBuf;

use clap::Subcommand;
use protocol::Event;

use crate::pipeline::container_entry::{hello, run as work, say};
use base::error::Result;
use base::exit;

/// Asked by the program outside, never by a person.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Do a stage's work
    Run {
        /// The request, as JSON
        request: PathBuf,
    },
}

/// Speaks events; an error is the last of them.
pub(crate) fn run(args: Args) -> Result<u8> {
    let Command::Run { request: path } = args.command;
    say(&Event::Hello(hello()))?;
    say(&match work(&path) {
        Ok(()) => Event::Done { result: ().into(), files: Vec::new() },
        Err(error) => Event::Failed { error },
    })?;
    Ok(exit::PASS)
}
