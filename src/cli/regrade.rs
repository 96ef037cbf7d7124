//! `repro regrade`.

use std::path::PathBuf;

use super::forms::{Form, not_into, tell};
use base::error::Result;
use data::dataset::Task;
use judge::evidence::items;
use judge::evidence::run::read;
use judge::grade::golden::GoldenFile;
use judge::grade::regrade::{answers_all, before, scored_again};
use judge::grade::report::report;
use judge::grade::{Request, assess};

/// Judge a run again from what it saved, and say what differs from the verdict it was given
///
/// The accuracy is computed again from the saved answers, whose checksums are checked: without a GPU, without libtorch, and without
/// the data; with --data-root from the saved predictions and the labels. A golden file of another edition than then is said. The
/// run's own report stays as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Folder of the run; a workspace stands for its last run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// demo, published, or a golden file; may be repeated [default: by the run's profile]
    #[arg(long, value_name = "NAME|FILE")]
    golden: Vec<String>,
    /// Judge this task only; may be repeated [default: those that the run did]
    #[arg(long, value_name = "TASK")]
    task: Vec<Task>,
    /// Score the predictions again with the labels in this folder, laid out as the original's data/
    #[arg(long, value_name = "DIR")]
    data_root: Option<PathBuf>,
    /// Judge a run though its predictions answer a part of the split only
    #[arg(long)]
    allow_missing_predictions: bool,
    /// Write report.html, report.json, report.md, junit.xml … into this folder
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
}

const AFTER_HELP: &str = "\
Examples:
  repro regrade workspace/runs/latest
  repro regrade runs/vqa-1 --data-root workspace/data --output again

The exit code is the verdict, as of repro check. 5 where the saved answers give another accuracy than was recorded, or answer a
part of the split only, 7 where they are not the files that the run wrote.";

/// Judges again and prints.
///
/// # Errors
/// Data where what was saved contradicts itself, checksum where it was changed.
pub(crate) fn run(args: Args) -> Result<u8> {
    let run = read(&args.run)?;
    not_into([&run], args.output.as_deref())?;
    let tasks = if args.task.is_empty() { Task::ALL.to_vec() } else { args.task.clone() };
    for found in tasks.iter().filter_map(|task| run.task(*task)?.as_ref().ok()) {
        if !args.allow_missing_predictions {
            answers_all(found)?;
        }
        if let Some(known) = &found.record.predictions {
            items::verify(&found.folder.join(&known.file), &known.sha256)?;
        }
        if let Some(data_root) = &args.data_root {
            scored_again(found, data_root)?;
        }
    }
    let golden = GoldenFile::load_all(&args.golden)?;
    let runs = std::slice::from_ref(&run);
    let assessment = assess(&Request { golden: &golden, runs, tasks: &args.task, ..Request::default() })?;
    let mut report = report(runs, assessment)?;
    report.before = before(&run, &report)?;
    tell(&report, args.format, false, args.output.as_deref())
}
