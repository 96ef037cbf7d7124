//! `repro prepare`.

use serde::Serialize;

use super::assets::{AssetOptions, Format};
use super::progress::assets::Display;
use crate::prepare::{PrepareSettings, PrepareSummary, prepare};
use assets::manifest::Selection;
use base::error::{Error, Result};
use base::exit;
use base::stdout;
use data::features::Precision;

/// Unpack what was fetched, build feature stores, make the files that are made here, and count everything
///
/// Archives are unpacked into place; every row of a feature file is checked on the way and goes into a store, which
/// training reads. Every count that must hold is compared with what is there, and every question with the features of
/// its images. What is ready is not done again; whatever ends this command, the same command goes on.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    assets: AssetOptions,
    /// Remove an archive as soon as everything in it is unpacked and right; what is unpacked need not be fetched again
    #[arg(long)]
    drop_archives: bool,
    /// Keep features as half precision in the stores (half the disk); training then wants --half-features too
    #[arg(long)]
    half_features: bool,
    /// What to print: text for people, or one event of JSON on each line, the last being the summary
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

const AFTER_HELP: &str = "\
Examples:
  repro prepare                                 everything that has been fetched
  repro prepare --task vqa                      all of a task; says what is missing
  repro prepare --task nlvr2 --drop-archives    free the archives' space on the way
  repro prepare nlvr2-valid                     one file
  repro prepare --task gqa --half-features      stores of half the size

Exit codes: 0 all is prepared and right; 2 usage; 5 something is missing, damaged, or not as many as
it should be; 7 another file than it should be; 8 disk full.";

/// Runs the command: [`exit::PASS`] where everything selected is prepared and right; without a selection, everything
/// that has been fetched.
///
/// # Errors
/// Usage, data, checksum, disk, as [`exit`] has them.
pub(crate) fn run(args: Args) -> Result<u8> {
    let known = args.assets.read()?;
    let (selection, display) = (args.assets.selection(), Display::new(args.format == Format::Json));
    let everything = selection == Selection::default();
    let selection = if everything { Selection { all: true, ..selection } } else { selection };
    if everything {
        display.say("nothing is named: preparing everything that has been fetched");
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
        Format::Text => {
            let gap = if summary.prepared.is_empty() { "" } else { "\n" };
            stdout::line(&format!("{gap}{}", summary.to_string().trim_end()));
        }
        Format::Json => stdout::line(&line(&summary)?),
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
