//! `repro regrade`: judges a run again from its saved answers.

use std::path::PathBuf;

use super::report_form::{ReportForm, print_report, refuse_run_folder};
use base::error::Result;
use data::dataset::Task;
use judge::evidence::items;
use judge::evidence::run::read;
use judge::grade::golden::GoldenFile;
use judge::grade::regrade::{answers_all, before, scored_again};
use judge::grade::report::report;
use judge::grade::{AssessRequest, assess};

/// Judge a run again from its saved answers, and show what differs from its verdict
///
/// Computes the accuracy again from the saved answers after checking their checksums. This needs no GPU, no libtorch and no data.
/// With --data-root, the accuracy is computed from the saved predictions and the labels. The report says if the golden file has a
/// different edition from the first time. The run's own report stays unchanged.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Folder of the run; a workspace means its last run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// demo, published, or a golden file. Can be repeated [default: by the run's profile]
    #[arg(long, value_name = "NAME|FILE")]
    golden: Vec<String>,
    /// Judge only this task. Can be repeated [default: the run's tasks]
    #[arg(long, value_name = "TASK")]
    task: Vec<Task>,
    /// Score the predictions again with the labels in this folder, laid out like the original's data/
    #[arg(long, value_name = "DIR")]
    data_root: Option<PathBuf>,
    /// Judge a run even if its predictions answer only a part of the split
    #[arg(long)]
    allow_missing_predictions: bool,
    /// Write report.html, report.json, report.md, junit.xml … into this folder
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: ReportForm,
}

const AFTER_HELP: &str = "\
Examples:
  repro regrade workspace/runs/latest
  repro regrade runs/vqa-1 --data-root workspace/data --output again

The exit code is the verdict, as for repro check. It is 5 if the saved answers do not give the recorded accuracy or answer only a
part of the split, and 7 if they are not the files that the run wrote.";

/// Judges the run again and prints the report.
///
/// # Errors
/// Data if saved files contradict each other; checksum if one was changed.
pub(crate) fn run(args: Args) -> Result<u8> {
    let run = read(&args.run)?;
    refuse_run_folder([&run], args.output.as_deref())?;
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
    let assessment = assess(&AssessRequest { golden: &golden, runs, tasks: &args.task, ..AssessRequest::default() })?;
    let mut report = report(runs, assessment)?;
    report.before = before(&run, &report)?;
    print_report(&report, args.format, false, args.output.as_deref())
}
