//! `repro stage`, hidden: what the program in an image is asked by the one outside (`pipeline/contained`).

use std::path::PathBuf;

use clap::Subcommand;

use super::options::{described, device};
use crate::pipeline::contained::Answer;
use crate::pipeline::contained::guest::{description, request, run as work, say};
use base::error::Result;
use base::exit;

/// Asked by the program outside, never by a person.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say who this is
    Describe {
        /// What it is to compute on
        #[arg(long, default_value = "auto")]
        device: String,
    },
    /// Do a stage's work
    Run {
        /// The request, as JSON
        request: PathBuf,
    },
}

/// Answers; an error is part of the answer.
pub fn run(args: Args) -> Result<u8> {
    let answered = match args.command {
        Command::Describe { device: name } => {
            device(&name).map(|device| Answer::Description(description(described(device))))
        }
        Command::Run { request: path } => {
            request(&path).and_then(|request| work(&request, device(&request.device)?)).map(|()| Answer::Done)
        }
    };
    say(&answered.unwrap_or_else(|error| Answer::Failed { error }))?;
    Ok(exit::PASS)
}
