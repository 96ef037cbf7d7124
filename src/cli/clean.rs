//! `repro clean`.

use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;

use super::assets::ManifestOptions;
use super::output::say;
use crate::clean::{Class, Item, Places, find, freed, listing, overview, remove};
use base::error::{Error, Result};
use base::exit;

/// Say what takes up disk, and remove it by class
///
/// Without a class, says how much each class takes and how its files come back, and removes nothing. With classes, lists the
/// files, asks, and removes them. Never removes weights, results, predictions or reports, nor what this program did not make
/// or fetch, nor what a command at work uses. Links are not followed out of the workspace.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// What to remove
    #[arg(value_name = "CLASS", value_enum)]
    classes: Vec<Class>,
    /// List what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
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
  repro clean                       what takes up how much
  repro clean archives --dry-run    the archives that could go
  repro clean partial failed        lists them, asks, removes them
  repro clean tsv --yes             removes TSVs whose store is complete, without asking

Temporary files count once they are an hour old: until then a command may still be writing them.

Exit codes: 0 done, or nothing was to do; 2 no terminal to ask on and no --yes; 4 a run is at work in the
workspace, or something chosen is in use and stays; 5 there is no workspace.";

/// Lists or removes.
///
/// # Errors
/// Usage if nobody can be asked and `--yes` is not given, or if TSVs and their stores are to go together; data if there is
/// no workspace.
pub(crate) fn run(args: Args) -> Result<u8> {
    if !args.workspace.is_dir() {
        return Err(Error::data(format!("there is no workspace {}", args.workspace.display()))
            .next("name it: repro clean --workspace DIR"));
    }
    let known = args.manifest.read(&args.workspace)?;
    let cache = setup_cache();
    let places =
        Places { workspace: &args.workspace, cache: cache.as_deref(), manifest: &known.manifest, lock: &known.lock };
    let mut items = find(&places)?;
    if args.classes.is_empty() {
        say(overview(&items, &args.workspace).trim_end())?;
        return Ok(exit::PASS);
    }
    if [Class::Tsv, Class::Stores].iter().all(|class| args.classes.contains(class)) {
        return Err(Error::usage("tsv and stores together would leave no features")
            .because("a TSV can go because its store has everything, and a store because its TSV has")
            .next("choose one of them"));
    }
    items.retain(|item| args.classes.contains(&item.class));
    if items.is_empty() {
        say("nothing to remove")?;
        return Ok(exit::PASS);
    }
    say(listing(&items).trim_end())?;
    if args.dry_run {
        say("dry run: nothing was removed")?;
        return Ok(exit::PASS);
    }
    if !args.yes && !is_confirmed(&items)? {
        say("nothing was removed")?;
        return Ok(exit::PASS);
    }
    let removed = remove(&places, items)?;
    say(freed(&removed).trim_end())?;
    Ok(if removed.in_use.is_empty() { exit::PASS } else { exit::INFRA })
}

/// Asks on the terminal.
fn is_confirmed(items: &[Item]) -> Result<bool> {
    if !(stdin().is_terminal() && stderr().is_terminal()) {
        return Err(Error::usage("nobody can be asked: stdin or stderr is no terminal")
            .because("files are removed only after a yes")
            .next("look at the list, then run it again with --yes"));
    }
    let paths: usize = items.iter().map(|item| item.paths.len()).sum();
    base::status::prompt(format_args!("remove these {paths} paths? [y/N] "));
    let _ = stderr().flush();
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(|e| Error::infra("cannot read the answer").because(e))?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Where ci/setup keeps libtorch.
fn setup_cache() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let below = named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")));
    named("REPRO_CACHE").or_else(|| below.map(|folder| folder.join("lxmert-repro")))
}
