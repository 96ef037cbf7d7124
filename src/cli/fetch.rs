//! `repro fetch`.

use std::path::{Path, PathBuf};

use super::asset_progress::to_stdout;
use super::assets::{AssetOptions, Known};
use crate::assets::disk;
use crate::assets::list::{self, Forecast};
use crate::assets::manifest::Selection;
use crate::assets::plan::{Item, plan};
use crate::assets::rate::Rate;
use crate::error::{Error, Result};
use crate::exit;
use crate::features::Precision;
use crate::prepare;

/// Fetch the paper's files: verified, resumable, in parallel
///
/// Each file is hashed while it arrives and appears under its name only when its checksum is right. Whatever ends this
/// command, the same command goes on where it stopped; files that are there are not fetched again.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    assets: AssetOptions,
    /// Show what there is: groups, sizes, checksums, what is missing; fetches nothing
    #[arg(long, conflicts_with_all = ["dry_run", "from", "pin", "corroborate"])]
    list: bool,
    /// Show what would be fetched, the disk it needs and how long it would take; asks no network
    #[arg(long, conflicts_with_all = ["from", "pin", "corroborate"])]
    dry_run: bool,
    /// Take files that were downloaded by hand into DIR, instead of fetching: known by name, size or checksum, split parts
    /// joined. They stay where they are
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Files that are fetched at the same time
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Record size and SHA-256 of the files whose checksum nobody published; later fetches must match
    #[arg(long)]
    pin: bool,
    /// Fetch pinned files a second time from another source (or from --from DIR), and record that both are the same
    #[arg(long)]
    corroborate: bool,
    /// A source that sends nothing for so long is asked again
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Network")]
    stall_timeout: u64,
    /// How often a source is asked again without any progress before the next one is tried
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "Network")]
    retries: u32,
    /// Pause before the first retry; each further pause is longer
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = pause, help_heading = "Network")]
    retry_wait: f64,
    /// What to print: text for people, or JSON (--list and --dry-run: one object; else: one event on each line)
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Form of what is printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For scripts
    Json,
}

const AFTER_HELP: &str = "\
Examples:
  repro fetch --list                            what there is, and what is here of it
  repro fetch --task vqa --dry-run              what that takes: sources, disk, time
  repro fetch --task vqa,nlvr2                  all files of two tasks
  repro fetch vqa-minival --pin                 one file; remember its checksum
  repro fetch --from ~/Downloads                take what a browser downloaded
  repro fetch --task gqa --corroborate          compare two sources of each pinned file
  repro fetch --task vqa --format json          events for a script

Exit codes: 0 all is there; 2 usage; 6 no source has it; 7 another file than it should be (kept aside); 8 disk full.";

fn pause(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|error| format!("{error}"))?;
    match (0.0..=3600.0).contains(&seconds) {
        true => Ok(seconds),
        false => Err("choose from 0 to 3600 seconds".into()),
    }
}

/// Runs the command: [`exit::PASS`] where everything selected is there in the end.
///
/// # Errors
/// Usage, network, checksum, disk, as [`crate::exit`] has them.
pub fn run(args: Args) -> Result<u8> {
    let known = args.assets.read()?;
    let selection = args.assets.selection();
    let nothing = selection == Selection::default();
    if nothing && !args.list && args.from.is_none() {
        return Err(Error::usage(format!("what is to be fetched? One or more of\n{}", list::groups(&known.manifest)))
            .next("repro fetch --task NAME, or repro fetch --list for every file; --dry-run shows what it takes"));
    }
    let selection = if nothing { Selection { all: true, ..selection } } else { selection };
    let assets = known.manifest.select(&selection)?;
    let items = plan(&assets, &known.lock, &args.assets.workspace);
    if args.list {
        return show_list(&args, &known, &selection, &items);
    }
    if args.dry_run {
        return show_forecast(&args, &known, &selection, &items);
    }
    Ok(exit::PASS)
}

/// Bytes that unpacking, and building stores and made files, add: of all steps, or of those that are still to be done.
fn prepared(known: &Known, selection: &Selection, workspace: &Path, all: bool) -> Result<(u64, u64)> {
    let settings =
        prepare::Settings { workspace: workspace.to_owned(), precision: Precision::default(), drop_archives: false };
    let (mut unpacked, mut stores) = (0_u64, 0_u64);
    for step in prepare::steps(&known.manifest, &known.lock, selection, &settings)? {
        if all || step.state != prepare::State::Done {
            let made = matches!(step.work, prepare::Work::Make { .. });
            let (files, others) = if made { (0, step.adds) } else { (step.adds, 0) };
            unpacked = unpacked.saturating_add(files);
            stores = stores.saturating_add(others).saturating_add(step.adds_store);
        }
    }
    Ok((unpacked, stores))
}

fn show_list(args: &Args, known: &Known, selection: &Selection, items: &[Item]) -> Result<u8> {
    let workspace = &args.assets.workspace;
    let (_, stores) = prepared(known, selection, workspace, true)?;
    match args.format {
        Format::Text => to_stdout(list::page(&known.manifest, items, workspace, stores).trim_end()),
        Format::Json => to_stdout(&pretty(&list::list_json(&known.manifest, items, workspace, stores))?),
    }
    Ok(exit::PASS)
}

fn show_forecast(args: &Args, known: &Known, selection: &Selection, items: &[Item]) -> Result<u8> {
    let workspace = &args.assets.workspace;
    let (unpacked, stores) = prepared(known, selection, workspace, false)?;
    let forecast = Forecast { free: Some(disk::free(workspace)?), unpacked, stores, rate: Rate::read(workspace) };
    match args.format {
        Format::Text => to_stdout(list::forecast(items, workspace, &forecast).trim_end()),
        Format::Json => to_stdout(&pretty(&list::forecast_json(items, workspace, &forecast))?),
    }
    Ok(exit::PASS)
}

fn pretty(value: &serde_json::Value) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|error| Error::bug("cannot write JSON").because(error))
}
