//! `repro verify`.

use std::time::Instant;

use super::assets::{AssetOptions, OutputFormat};
use super::output::pretty;
use super::progress::assets::AssetDisplay;
use assets::event::Event;
use assets::manifest::Selection;
use assets::verify::{self, Depth, FileReport, FileState, subjects};
use base::error::{Error, Result};
use base::exit;
use base::format::{human_bytes, human_seconds};
use base::host::cores;
use base::progress::{self, Observer, Silent};
use base::status;
use base::{sanitize, stdout};

/// Check that files still match their checksums
///
/// Checks fetched files, the files unpacked from them, and the files prepared from them; by default everything in the workspace. A
/// file with the size and time of its last reading counts as unchanged. Changed files and files that were never read are read, unless
/// --fast is given. No file is modified.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    assets: AssetOptions,
    /// Check sizes, times and recorded checksums only; read no file
    #[arg(long, conflicts_with = "full")]
    fast: bool,
    /// Read every file completely and compare its checksum
    #[arg(long)]
    full: bool,
    /// Number of files to read at the same time [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// What to print: a page for people, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

const AFTER_HELP: &str = "\
Examples:
  repro verify                           everything; reads new and changed files
  repro verify --fast --task vqa         sizes and times of a task's files, immediately
  repro verify --full                    reads every file, on all cores
  repro verify --full model-lxrt --format json

States:
  good            it matches its checksum, or is unchanged since it was made
  good, unpinned  unchanged since its download; no checksum is published
                  (see repro fetch --pin)
  not read        it was never read, and --fast reads nothing
  changed         it was modified or replaced since it was last read
  WRONG           its content is not the expected one
  unreadable, missing
  dropped         an archive that was removed after unpacking

Exit codes: 0 all good; 7 something is wrong or has changed; 4 something cannot be read;
5 something selected is missing or was not read.";

/// Less than this says nothing of the disk's speed.
const ENOUGH_BYTES: u64 = 10_000_000;

/// Runs the command.
///
/// # Errors
/// Usage for a name that is not known; data where there is nothing to verify.
pub(crate) fn run(args: Args) -> Result<u8> {
    let known = args.assets.read()?;
    let (selection, workspace) = (args.assets.selection(), &args.assets.workspace);
    let subjects = subjects(&known.manifest, &known.lock, &selection, workspace)?;
    if subjects.is_empty() {
        let where_to = match selection == Selection::default() {
            true => "repro fetch gets files; --workspace DIR says where they are",
            false => "repro fetch --list shows what there is",
        };
        return Err(Error::data(format!("there is nothing to verify in {}", workspace.display())).next(where_to));
    }
    let depth = match (args.fast, args.full) {
        (true, _) => Depth::Fast,
        (_, true) => Depth::Full,
        _ => Depth::AsNeeded,
    };
    let jobs = args.jobs.map_or_else(cores, usize::from);
    let start = Instant::now();
    let found = match args.format {
        OutputFormat::Json => verify::verify(&subjects, depth, jobs, &Silent)?,
        OutputFormat::Text => verify::verify(&subjects, depth, jobs, &Progress(AssetDisplay::new(false)))?,
    };
    let seconds = start.elapsed().as_secs_f64();
    match args.format {
        OutputFormat::Json => {
            let report = verify::json(&subjects, &found, workspace, depth, seconds);
            stdout::line(&pretty(&report)?);
        }
        OutputFormat::Text => {
            stdout::line(&sanitize::lines(verify::page(&subjects, &found).trim_end()));
            print_rate(&found, seconds);
        }
    }
    Ok(code(&found))
}

/// The worst of what was found.
fn code(found: &[FileReport]) -> u8 {
    let any = |of: fn(&FileState) -> bool| found.iter().any(|checked| of(&checked.state));
    if any(|state| matches!(state, FileState::Wrong { .. } | FileState::Changed { .. })) {
        exit::CHECKSUM
    } else if any(|state| matches!(state, FileState::Unreadable { .. })) {
        exit::INFRA
    } else if any(|state| !state.is_good()) {
        exit::DATA
    } else {
        exit::PASS
    }
}

fn print_rate(found: &[FileReport], seconds: f64) {
    let read = found.iter().map(|checked| checked.read).fold(0, u64::saturating_add);
    if read >= ENOUGH_BYTES && seconds > 0.0 {
        let rate = human_bytes((read as f64 / seconds) as u64);
        status!("read {} in {}: {rate}/s", human_bytes(read), human_seconds(seconds));
    }
}

/// Shows what is at work; what was found is the page's.
struct Progress(AssetDisplay);

impl Observer<Event> for Progress {
    fn event(&self, event: &Event) {
        if let Event::Progress(progress) = event
            && !matches!(progress, progress::Event::Note { .. })
        {
            self.0.event(event);
        }
    }
}
