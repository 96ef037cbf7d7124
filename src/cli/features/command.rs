//! The subcommands of `repro features`.

use super::compare;
use super::inspect;

use clap::Subcommand;

use base::error::Result;

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
