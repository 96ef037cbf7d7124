//! `repro clean`: shows disk usage, and removes files by class.

use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;

use super::assets::ManifestOptions;
use super::output::print_line;
use crate::clean::{Class, Item, Places, find, freed, listing, overview, remove};
use base::error::{Error, Result};
use base::exit;

/// Show disk usage, and remove files by class
///
/// Without a class, shows the size of each class and how to get its files again, and removes nothing. With classes, lists the
/// files, asks, and removes them. Never removes weights, results, predictions or reports, files that this program did not make or
/// fetch, or files that a running command uses. Links out of the workspace are not followed.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Classes to remove
    #[arg(value_name = "CLASS", value_enum)]
    classes: Vec<Class>,
    /// List the files that would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove without asking
    #[arg(long)]
    yes: bool,
    /// Folder that holds data/, stores/, snap/ and runs/
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    workspace: PathBuf,
    #[command(flatten)]
    manifest: ManifestOptions,
}

const AFTER_HELP: &str = "\
Examples:
  repro clean                       show the size of each class
  repro clean archives --dry-run    list the archives that can be removed
  repro clean partial failed        list files of two classes, ask, and remove them
  repro clean tsv --yes             remove TSVs whose store is complete, without asking

Temporary files are included once they are an hour old; a command may still be writing newer ones.

Exit codes: 0 done, or nothing to do; 2 usage, or no terminal to ask on without --yes; 4 a run in the workspace is active, or a
chosen file is in use and was kept; 5 there is no workspace.";

/// Lists or removes files.
///
/// # Errors
/// Usage if there is no terminal to ask on and no `--yes`, or if both TSVs and stores are chosen; data if there is no workspace.
pub(crate) fn run(args: Args) -> Result<u8> {
    if !args.workspace.is_dir() {
        return Err(Error::data(format!("there is no workspace {}", args.workspace.display()))
            .next("repro clean --workspace DIR"));
    }
    let known = args.manifest.read(&args.workspace)?;
    let cache = base::host::cache_folder();
    let places =
        Places { workspace: &args.workspace, cache: cache.as_deref(), manifest: &known.manifest, lock: &known.lock };
    let mut items = find(&places)?;
    if args.classes.is_empty() {
        print_line(overview(&items, &args.workspace).trim_end())?;
        return Ok(exit::PASS);
    }
    if [Class::Tsv, Class::Stores].iter().all(|class| args.classes.contains(class)) {
        return Err(Error::usage("removing both tsv and stores would leave no features")
            .because("a TSV can be removed only while its store is complete, and a store only while its TSV is")
            .next("choose one of them"));
    }
    items.retain(|item| args.classes.contains(&item.class));
    if items.is_empty() {
        print_line("nothing to remove")?;
        return Ok(exit::PASS);
    }
    print_line(listing(&items).trim_end())?;
    if args.dry_run {
        print_line("dry run: nothing was removed")?;
        return Ok(exit::PASS);
    }
    if !args.yes && !is_confirmed(&items)? {
        print_line("nothing was removed")?;
        return Ok(exit::PASS);
    }
    let removed = remove(&places, items)?;
    print_line(freed(&removed).trim_end())?;
    Ok(if removed.in_use.is_empty() { exit::PASS } else { exit::INFRA })
}

/// Asks on the terminal.
fn is_confirmed(items: &[Item]) -> Result<bool> {
    if !(stdin().is_terminal() && stderr().is_terminal()) {
        return Err(Error::usage("cannot ask for confirmation: stdin or stderr is not a terminal")
            .because("files are removed only after a yes")
            .next("check the list, then run the command again with --yes"));
    }
    let paths: usize = items.iter().map(|item| item.paths.len()).sum();
    base::status::prompt(format_args!("remove these {paths} paths? [y/N] "));
    let _ = stderr().flush();
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(|e| Error::infra("cannot read the answer").because(e))?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
