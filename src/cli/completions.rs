//! `repro completions`: prints shell completions.

use clap::Command;
use clap_complete::Shell;

use super::output::print_line;
use base::error::{Error, Result};
use base::exit;

/// Print shell completions
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

const AFTER_HELP: &str = "\
Examples:
  mkdir -p ~/.local/share/bash-completion/completions
  repro completions bash > ~/.local/share/bash-completion/completions/repro
  repro completions zsh > \"${fpath[1]}/_repro\"
  repro completions fish > ~/.config/fish/completions/repro.fish

Start a new shell to use them.";

/// Prints the completions of `command`.
///
/// # Errors
/// Infra if stdout cannot be written.
pub(crate) fn run(args: Args, mut command: Command) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "repro", &mut script);
    let script = String::from_utf8(script).map_err(|e| Error::bug("the completions are not UTF-8").because(e))?;
    print_line(script.trim_end())?;
    Ok(exit::PASS)
}
