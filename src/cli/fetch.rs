//! `repro fetch`.

use std::path::{Path, PathBuf};

use super::assets::{AssetOptions, Format, Known, NetworkOptions};
use super::output::pretty;
use super::progress::assets::Display;
use crate::prepare;
use assets::event::Event;
use assets::fetch::{self, Outcome, Settings};
use assets::known::Known as KnownFiles;
use assets::list::{self, Forecast};
use assets::lock::{Lock, Trust};
use assets::manifest::{Asset, Selection};
use assets::plan::{Item, plan};
use assets::rate::{Meter, Rate};
use assets::{adopt, disk, pin};
use base::error::{Error, Result};
use base::exit;
use base::progress::Observer;
use base::{sanitize, stdout};
use data::features::Precision;

/// Fetch the paper's files: verified, resumable, in parallel
///
/// Each file is hashed while it arrives and appears under its name only when its checksum is right. Whatever ends this
/// command, the same command goes on where it stopped; files that are there are not fetched again.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
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
    /// Record size and SHA-256 of the files whose checksum nobody published; later fetches must match
    #[arg(long)]
    pin: bool,
    /// Fetch pinned files a second time from another source (or from --from DIR), and record that both are the same
    #[arg(long)]
    corroborate: bool,
    /// Ask for room for the fetched files alone, not for what repro prepare adds: to prepare them elsewhere
    #[arg(long)]
    download_only: bool,
    #[command(flatten)]
    network: NetworkOptions,
    /// What to print: text for people, or JSON (--list and --dry-run: one object; else: one event on each line)
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
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

Exit codes: 0 all is there; 2 usage; 6 no source has it; 7 another file than it should
be (kept aside); 8 disk full; 130 stopped: what has arrived is kept.";

/// Runs the command: [`exit::PASS`] where everything selected is there in the end.
///
/// # Errors
/// Usage, network, checksum, disk, as [`base::exit`] has them.
pub(crate) fn run(args: Args) -> Result<u8> {
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
    let run = Run { args: &args, known: &known, assets, display: Display::new(args.format == Format::Json) };
    run.all(&selection)?;
    Ok(exit::PASS)
}

/// A command that does something.
struct Run<'a> {
    args: &'a Args,
    known: &'a Known,
    assets: Vec<&'a Asset>,
    display: Display,
}

impl Run<'_> {
    /// Brings the files, then pins and compares those that came, whatever else failed; the first error decides, others are said.
    fn all(&self, selection: &Selection) -> Result<()> {
        let (args, display) = (self.args, &self.display);
        let settings = self.settings(selection)?;
        let brought = match &args.from {
            Some(folder) if !args.corroborate => self.adopt(folder),
            _ => self.fetch(&settings),
        };
        let pinned = match args.pin {
            true => pin::pin(&self.items()?, &self.known.lock_path, display).map(|count| {
                display.say(&format!("{} pinned in {}", files(count), self.known.lock_path.display()));
            }),
            false => Ok(()),
        };
        let corroborated = match args.corroborate {
            true => {
                let (from, lock) = (args.from.as_deref(), &self.known.lock_path);
                pin::corroborate(&self.items()?, from, lock, &settings, display).map(|count| {
                    display.say(&format!("{} corroborated in {}", files(count), lock.display()));
                })
            }
            false => Ok(()),
        };
        let mut errors = [brought.err(), pinned.err(), corroborated.err()].into_iter().flatten();
        if let Some(error) = errors.next() {
            errors.for_each(|other| display.say(&format!("error: {other}")));
            return Err(error);
        }
        let unpinned = self.items()?.iter().filter(|item| item.is_there() && item.trust == Trust::Unpinned).count();
        if unpinned > 0 {
            display.say(&format!(
                "{} unpinned: nobody published a checksum, so a verdict that rests on one can be INCONCLUSIVE at best; \
                 --pin records what arrived",
                files(unpinned)
            ));
        }
        Ok(())
    }

    fn settings(&self, selection: &Selection) -> Result<Settings> {
        let args = self.args;
        let (unpacked, stores) = to_prepare(args, self.known, selection)?;
        Ok(Settings {
            workspace: args.assets.workspace.clone(),
            jobs: args.network.jobs.into(),
            network: args.network.patience(),
            also_needed: unpacked.saturating_add(stores),
        })
    }

    /// As everything stands now, with what was pinned meanwhile.
    fn items(&self) -> Result<Vec<Item<'_>>> {
        let known = self.args.assets.read()?;
        Ok(plan(&self.assets, &known.lock, &self.args.assets.workspace))
    }

    fn fetch(&self, settings: &Settings) -> Result<()> {
        let items = self.items()?;
        let coming = items.iter().filter(|item| item.has_source()).filter_map(Item::remaining);
        self.display.expect(coming.fold(0, u64::saturating_add));
        let meter = Meter::new(&self.display);
        let fetched = fetch::fetch(&self.assets, &self.known.lock, settings, &meter);
        if let Some(rate) = meter.rate() {
            // Only the next forecast misses it.
            rate.write(&settings.workspace).unwrap_or_else(|error| self.display.say(&error.to_string()));
        }
        let came = fetched?.iter().filter(|file| file.outcome == Outcome::Fetched).count();
        self.display.say(&format!("{} fetched, {} here already", files(came), self.assets.len() - came));
        Ok(())
    }

    fn adopt(&self, folder: &Path) -> Result<()> {
        let (display, unpacked) = (&self.display, adopt::unpacked(&self.assets));
        let mut items = self.items()?;
        items.extend(plan(&unpacked.iter().collect::<Vec<_>>(), &Lock::default(), &self.args.assets.workspace));
        let known = KnownFiles::of(&self.known.manifest, &self.known.lock);
        let summary = adopt::adopt(folder, &items, &known, display)?;
        for name in &summary.present {
            display.say(&format!("{name}: there already"));
        }
        for (path, why) in &summary.unknown {
            let text = format!("left alone: {}", why.as_deref().unwrap_or("not recognised"));
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
            display.say(&format!("{count} still missing ({}): without --from they are fetched", open.join(", ")));
        }
        let asked = |name: &&str| self.args.assets.names.iter().any(|asked| asked == name);
        let missing: Vec<&str> = open.into_iter().filter(asked).collect();
        if !missing.is_empty() || (summary.adopted.is_empty() && summary.present.is_empty()) {
            let what = match missing.as_slice() {
                [] => format!("no file that is looked for was recognised in {}", folder.display()),
                _ => format!("not found in {}: {}", folder.display(), missing.join(", ")),
            };
            return Err(Error::data(what)
                .because("a file is known by its name, its exact size or its checksum")
                .next("repro fetch --list shows names and sizes; rename the files as they are called there"));
        }
        Ok(())
    }
}

fn files(count: usize) -> String {
    format!("{count} file{}", if count == 1 { "" } else { "s" })
}

/// Bytes that are still to be unpacked and built, where they count.
fn to_prepare(args: &Args, known: &Known, selection: &Selection) -> Result<(u64, u64)> {
    match args.download_only {
        true => Ok((0, 0)),
        false => prepared(known, selection, &args.assets.workspace, false),
    }
}

/// Bytes that unpacking, and building stores and made files, add: of all steps, or of those that are still to be done.
fn prepared(known: &Known, selection: &Selection, workspace: &Path, all: bool) -> Result<(u64, u64)> {
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

fn show_list(args: &Args, known: &Known, selection: &Selection, items: &[Item]) -> Result<u8> {
    let workspace = &args.assets.workspace;
    let (_, stores) = prepared(known, selection, workspace, true)?;
    match args.format {
        Format::Text => {
            stdout::line(&sanitize::lines(list::page(&known.manifest, items, workspace, stores).trim_end()))
        }
        Format::Json => stdout::line(&pretty(&list::list_json(&known.manifest, items, workspace, stores))?),
    }
    Ok(exit::PASS)
}

fn show_forecast(args: &Args, known: &Known, selection: &Selection, items: &[Item]) -> Result<u8> {
    let workspace = &args.assets.workspace;
    let (unpacked, stores) = to_prepare(args, known, selection)?;
    let forecast = Forecast { free: Some(disk::free(workspace)?), unpacked, stores, rate: Rate::read(workspace) };
    match args.format {
        Format::Text => stdout::line(&sanitize::lines(list::forecast(items, workspace, &forecast).trim_end())),
        Format::Json => stdout::line(&pretty(&list::forecast_json(items, workspace, &forecast))?),
    }
    Ok(exit::PASS)
}
