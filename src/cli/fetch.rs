//! `repro fetch`: fetches files, takes files that were downloaded by hand, pins and corroborates.

use std::path::{Path, PathBuf};

use super::assets::{AssetOptions, KnownAssets, NetworkOptions, OutputFormat};
use super::output::pretty;
use super::progress::assets::AssetDisplay;
use crate::prepare;
use assets::event::Event;
use assets::fetch::{self, FetchSettings, Outcome};
use assets::known_files::KnownFiles;
use assets::list::{self, Forecast};
use assets::lock::{Lock, Trust};
use assets::manifest::{Asset, Selection};
use assets::plan::{Item, plan};
use assets::rate::{Rate, RateMeter};
use assets::{adopt, disk, pin};
use base::error::{Error, Result};
use base::exit;
use base::progress::Observer;
use base::{sanitize, stdout};
use data::features::Precision;

/// Fetch the paper's files: verified, resumable, in parallel
///
/// Each file is hashed while it arrives, and gets its name only after its checksum is verified. After any interruption, the same
/// command resumes; files that are present are not fetched again.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    assets: AssetOptions,
    /// List all files: groups, sizes, checksums, what is missing. Fetches nothing
    #[arg(long, conflicts_with_all = ["dry_run", "from", "pin", "corroborate"])]
    list: bool,
    /// Show what would be fetched, the disk space and the time it takes. Does not use the network
    #[arg(long, conflicts_with_all = ["from", "pin", "corroborate"])]
    dry_run: bool,
    /// Instead of fetching, take files that were downloaded by hand into DIR. They are recognised by name, size or checksum; split
    /// parts are joined. The files in DIR stay
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Record size and SHA-256 of files without a published checksum; later fetches must match
    #[arg(long)]
    pin: bool,
    /// Fetch pinned files again from a second source (or from --from DIR), and record that both are identical
    #[arg(long)]
    corroborate: bool,
    /// Require disk space only for the fetched files, not for the output of repro prepare, which will run elsewhere
    #[arg(long)]
    download_only: bool,
    #[command(flatten)]
    network: NetworkOptions,
    /// What to print: text, or JSON (one object with --list and --dry-run, otherwise one event per line)
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

const AFTER_HELP: &str = "\
Examples:
  repro fetch --list                            list all files and which of them are present
  repro fetch --task vqa --dry-run              show sources, disk space and time
  repro fetch --task vqa,nlvr2                  fetch all files of two tasks
  repro fetch vqa-minival --pin                 fetch one file and record its checksum
  repro fetch --from ~/Downloads                use files that a browser downloaded
  repro fetch --task gqa --corroborate          compare two sources of each pinned file
  repro fetch --task vqa --format json          print events for a script

Exit codes: 0 all files are present; 2 usage; 6 no source has a file; 7 a file has the wrong checksum (it is kept
aside); 8 disk full; 130 interrupted, and the received parts are kept.";

/// Runs the command. Returns [`exit::PASS`] if all selected files are present in the end.
///
/// # Errors
/// Usage, network, checksum or disk, as documented in [`base::exit`].
pub(crate) fn run(args: Args) -> Result<u8> {
    let known = args.assets.read()?;
    let selection = args.assets.selection();
    let nothing = selection == Selection::default();
    if nothing && !args.list && args.from.is_none() {
        return Err(Error::usage(format!(
            "nothing is selected. Choose one or more of\n{}",
            list::groups(&known.manifest)
        ))
        .next("repro fetch --task NAME, or repro fetch --list for every file; --dry-run shows disk space and time"));
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
    let run =
        FetchRun { args: &args, known: &known, assets, display: AssetDisplay::new(args.format == OutputFormat::Json) };
    run.all(&selection)?;
    Ok(exit::PASS)
}

/// A run of the command that changes files.
struct FetchRun<'a> {
    args: &'a Args,
    known: &'a KnownAssets,
    assets: Vec<&'a Asset>,
    display: AssetDisplay,
}

impl FetchRun<'_> {
    /// Fetches or adopts the files, then pins and corroborates those that arrived, even if others failed. Returns the first error
    /// and prints the others.
    fn all(&self, selection: &Selection) -> Result<()> {
        let (args, display) = (self.args, &self.display);
        let settings = self.settings(selection)?;
        let obtained = match &args.from {
            Some(folder) if !args.corroborate => self.adopt(folder),
            _ => self.fetch(&settings),
        };
        let pinned = match args.pin {
            true => pin::pin(&self.items()?, &self.known.lock_path, display).map(|count| {
                display.print_line(&format!("{} pinned in {}", files(count), self.known.lock_path.display()));
            }),
            false => Ok(()),
        };
        let corroborated = match args.corroborate {
            true => {
                let (from, lock) = (args.from.as_deref(), &self.known.lock_path);
                pin::corroborate(&self.items()?, from, lock, &settings, display).map(|count| {
                    display.print_line(&format!("{} corroborated in {}", files(count), lock.display()));
                })
            }
            false => Ok(()),
        };
        let mut errors = [obtained.err(), pinned.err(), corroborated.err()].into_iter().flatten();
        if let Some(error) = errors.next() {
            errors.for_each(|other| display.print_line(&format!("error: {other}")));
            return Err(error);
        }
        let unpinned = self.items()?.iter().filter(|item| item.is_there() && item.trust == Trust::Unpinned).count();
        if unpinned > 0 {
            display.print_line(&format!(
                "{} without a published checksum: a verdict that depends on one can be INCONCLUSIVE at best; --pin records their \
                 checksums",
                files(unpinned)
            ));
        }
        Ok(())
    }

    fn settings(&self, selection: &Selection) -> Result<FetchSettings> {
        let args = self.args;
        let (unpacked, stores) = bytes_to_prepare(args, self.known, selection)?;
        Ok(FetchSettings {
            workspace: args.assets.workspace.clone(),
            jobs: args.network.jobs.into(),
            network: args.network.network(),
            also_needed: unpacked.saturating_add(stores),
        })
    }

    /// Returns the current state of the selected files, with the current pins.
    fn items(&self) -> Result<Vec<Item<'_>>> {
        let known = self.args.assets.read()?;
        Ok(plan(&self.assets, &known.lock, &self.args.assets.workspace))
    }

    fn fetch(&self, settings: &FetchSettings) -> Result<()> {
        let items = self.items()?;
        let coming = items.iter().filter(|item| item.has_source()).filter_map(Item::remaining);
        self.display.expect(coming.fold(0, u64::saturating_add));
        let meter = RateMeter::new(&self.display);
        let fetched = fetch::fetch(&self.assets, &self.known.lock, settings, &meter);
        if let Some(rate) = meter.rate() {
            // Only the next forecast uses the rate.
            rate.write(&settings.workspace).unwrap_or_else(|error| self.display.print_line(&error.to_string()));
        }
        let count = fetched?.iter().filter(|file| file.outcome == Outcome::Fetched).count();
        self.display.print_line(&format!("{} fetched, {} already present", files(count), self.assets.len() - count));
        Ok(())
    }

    fn adopt(&self, folder: &Path) -> Result<()> {
        let (display, unpacked) = (&self.display, adopt::unpacked(&self.assets));
        let mut items = self.items()?;
        items.extend(plan(&unpacked.iter().collect::<Vec<_>>(), &Lock::default(), &self.args.assets.workspace));
        let known = KnownFiles::of(&self.known.manifest, &self.known.lock);
        let summary = adopt::adopt(folder, &items, &known, display)?;
        for name in &summary.present {
            display.print_line(&format!("{name}: already present"));
        }
        for (path, why) in &summary.unknown {
            let text = format!("skipped: {}", why.as_deref().unwrap_or("not recognised"));
            display.event(&Event::note(&path.display().to_string(), text));
        }
        let mut refused = summary.refused.into_iter();
        match (refused.next(), refused.len()) {
            (Some(error), 0) => return Err(error),
            (Some(error), more) => {
                let sum = Error::checksum(format!("{} files were refused", more + 1)).because(error.what());
                return Err(refused.fold(sum, |sum, error| sum.because(error.what())));
            }
            (None, _) => {}
        }
        let items = self.items()?;
        let open: Vec<&str> =
            items.iter().filter(|item| !item.is_there()).map(|item| item.asset.name.as_str()).collect();
        if !open.is_empty() && !self.args.assets.task.is_empty() {
            let count = files(open.len());
            display.print_line(&format!(
                "{count} still missing ({}); the command fetches them without --from",
                open.join(", ")
            ));
        }
        let selected = |name: &&str| self.args.assets.names.iter().any(|selected| selected == name);
        let missing: Vec<&str> = open.into_iter().filter(selected).collect();
        if !missing.is_empty() || (summary.adopted.is_empty() && summary.present.is_empty()) {
            let what = match missing.as_slice() {
                [] => format!("no selected file was recognised in {}", folder.display()),
                _ => format!("not found in {}: {}", folder.display(), missing.join(", ")),
            };
            return Err(Error::data(what)
                .because("a file is recognised by its name, its exact size or its checksum")
                .next("rename the files to the names that repro fetch --list shows"));
        }
        Ok(())
    }
}

fn files(count: usize) -> String {
    format!("{count} file{}", if count == 1 { "" } else { "s" })
}

/// Returns the bytes that are still to be unpacked and to be built; 0 with --download-only.
fn bytes_to_prepare(args: &Args, known: &KnownAssets, selection: &Selection) -> Result<(u64, u64)> {
    match args.download_only {
        true => Ok((0, 0)),
        false => prepared_bytes(known, selection, &args.assets.workspace, false),
    }
}

/// Returns the bytes that unpacking adds, and those that building stores and generating files adds: for all steps, or only for
/// those that are not done.
fn prepared_bytes(known: &KnownAssets, selection: &Selection, workspace: &Path, all: bool) -> Result<(u64, u64)> {
    let settings = prepare::PrepareSettings {
        workspace: workspace.to_owned(),
        precision: Precision::default(),
        drop_archives: false,
    };
    let (mut unpacked, mut stores) = (0_u64, 0_u64);
    for step in prepare::steps(&known.manifest, &known.lock, selection, &settings)? {
        if all || step.state != prepare::StepState::Done {
            let made = matches!(step.work, prepare::StepWork::Make { .. });
            let (files, others) = if made { (0, step.adds) } else { (step.adds, 0) };
            unpacked = unpacked.saturating_add(files);
            stores = stores.saturating_add(others).saturating_add(step.adds_store);
        }
    }
    Ok((unpacked, stores))
}

fn show_list(args: &Args, known: &KnownAssets, selection: &Selection, items: &[Item]) -> Result<u8> {
    let workspace = &args.assets.workspace;
    let (_, stores) = prepared_bytes(known, selection, workspace, true)?;
    match args.format {
        OutputFormat::Text => {
            stdout::line(&sanitize::lines(list::page(&known.manifest, items, workspace, stores).trim_end()))
        }
        OutputFormat::Json => stdout::line(&pretty(&list::list_json(&known.manifest, items, workspace, stores))?),
    }
    Ok(exit::PASS)
}

fn show_forecast(args: &Args, known: &KnownAssets, selection: &Selection, items: &[Item]) -> Result<u8> {
    let workspace = &args.assets.workspace;
    let (unpacked, stores) = bytes_to_prepare(args, known, selection)?;
    let forecast = Forecast { free: Some(disk::free(workspace)?), unpacked, stores, rate: Rate::read(workspace) };
    match args.format {
        OutputFormat::Text => stdout::line(&sanitize::lines(list::forecast(items, workspace, &forecast).trim_end())),
        OutputFormat::Json => stdout::line(&pretty(&list::forecast_json(items, workspace, &forecast))?),
    }
    Ok(exit::PASS)
}
