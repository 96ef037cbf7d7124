//! The arguments of `repro features`.

use super::compare;
use super::inspect;
use super::show;

use clap::Subcommand;

use base::error::Result;

/// The arguments of `repro features`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Inspect(inspect::Args),
    Compare(compare::Args),
    Show(show::Args),
}

/// Runs the command and returns its exit code.
///
/// # Errors
/// The error of a file that cannot be read.
pub fn run(args: Args) -> Result<u8> {
    match args.action {
        Action::Inspect(args) => inspect::run(args),
        Action::Compare(args) => compare::run(args),
        Action::Show(args) => show::run(args),
    }
}
