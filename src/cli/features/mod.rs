//! `repro features`: looks into feature files.

mod compare;
mod inspect;

use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::say;
use base::error::{Error, Result};
use base::plain;

/// Arguments of `repro features`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Inspect(inspect::Args),
    Compare(compare::Args),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
}

impl Format {
    fn write(self, found: &(impl std::fmt::Display + Serialize)) -> Result<String> {
        match self {
            Self::Text => Ok(plain::lines(&found.to_string())),
            Self::Json => serde_json::to_string_pretty(found)
                .map_err(|error| Error::bug("cannot write the result as JSON").because(error)),
        }
    }
}

/// Runs the command; its exit code.
///
/// # Errors
/// What keeps a file from being read at all.
pub fn run(args: Args) -> Result<u8> {
    match args.action {
        Action::Inspect(args) => inspect::run(args),
        Action::Compare(args) => compare::run(args),
    }
}
