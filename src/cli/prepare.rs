//! `repro prepare`: unpacks fetched files, builds feature stores, and checks all counts.

use serde::Serialize;

use super::assets::{AssetOptions, OutputFormat};
use super::progress::assets::AssetDisplay;
use crate::prepare::{PrepareSettings, PrepareSummary, prepare};
use assets::manifest::Selection;
use base::error::{Error, Result};
use base::exit;
use base::stdout;
use data::features::Precision;

/// Unpack fetched files, build feature stores, generate derived files, and check all counts
///
/// Unpacks archives into place, checks every row of the feature files, and writes the rows into stores, which training reads.
/// Checks the expected counts, and that the images of every question have features. Finished steps are skipped; after any
/// interruption, the same command resumes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    assets: AssetOptions,
    /// Remove each archive after its files are unpacked and verified; it need not be fetched again
    #[arg(long)]
    drop_archives: bool,
    /// Build feature stores in half precision (half the disk space); training then needs --half-features too
    #[arg(long)]
    half_features: bool,
    /// What to print: text, or one JSON event per line, the last of which is the summary
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

const AFTER_HELP: &str = "\
Examples:
  repro prepare                                 prepare everything that has been fetched
  repro prepare --task vqa                      prepare a task, and report missing files
  repro prepare --task nlvr2 --drop-archives    remove each archive after unpacking it
  repro prepare nlvr2-valid                     prepare one file
  repro prepare --task gqa --half-features      build stores of half the size

Exit codes: 0 everything is prepared and verified; 2 usage; 5 a file is missing or damaged, or a count is wrong; 7 a file has
the wrong checksum; 8 disk full.";

/// Runs the command on the selection, or without one on everything that has been fetched. Returns [`exit::PASS`] if all of it is
/// prepared and verified.
///
/// # Errors
/// Usage, data, checksum or disk, as documented in [`exit`].
pub(crate) fn run(args: Args) -> Result<u8> {
    let known = args.assets.read()?;
    let (selection, display) = (args.assets.selection(), AssetDisplay::new(args.format == OutputFormat::Json));
    let everything = selection == Selection::default();
    let selection = if everything { Selection { all: true, ..selection } } else { selection };
    if everything {
        display.print_line("nothing is selected: preparing everything that has been fetched");
    }
    let settings = PrepareSettings {
        workspace: args.assets.workspace,
        precision: Precision::from_flag(args.half_features),
        drop_archives: args.drop_archives,
    };
    let mut summary = prepare(&known.manifest, &known.lock, &selection, &settings, &display)?;
    drop(display);
    if everything {
        summary.only_what_is_there();
    }
    match args.format {
        OutputFormat::Text => {
            let gap = if summary.prepared.is_empty() { "" } else { "\n" };
            stdout::line(&format!("{gap}{}", summary.to_string().trim_end()));
        }
        OutputFormat::Json => stdout::line(&line(&summary)?),
    }
    summary.verdict()?;
    Ok(exit::PASS)
}

fn line(summary: &PrepareSummary) -> Result<String> {
    #[derive(Serialize)]
    struct Line<'a> {
        event: &'static str,
        #[serde(flatten)]
        summary: &'a PrepareSummary,
    }
    serde_json::to_string(&Line { event: "summary", summary })
        .map_err(|error| Error::bug("cannot write the summary as JSON").because(error))
}
