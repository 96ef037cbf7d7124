//! `repro check`.

use std::path::{Path, PathBuf};

use super::number_parsers::{seed, whole};
use super::output::print_line;
use super::progress::board::Board;
use super::report_form::{ReportForm, print_report, refuse_run_folder};
use base::error::{Error, Result};
use base::exit;
use base::host::cores;
use base::status;
use data::dataset::Task;
use judge::evidence::run::{RunEvidence, read, read_all};
use judge::grade::features::FeaturePair;
use judge::grade::golden::GoldenFile;
use judge::grade::report::report;
use judge::grade::{AssessRequest, ReferenceRun, assess, judged_tasks, record};
use judge::report::{FileRecord, Report};
use judge::verdict::golden::{self, GoldenRuns};
use judge::verdict::published::PublishedResults;
use judge::verdict::{features, power};

/// Judge runs by recorded or published accuracies or by frozen answers, or features by released ones
///
/// A RUN is a folder that `repro all`, `repro evaluate --output` or `repro train` wrote. Several runs with different seeds are judged
/// by their mean. The verdict names every run, also one that is missing, repeats a seed, did not converge or is not comparable.
/// Needs no GPU, no libtorch and no data.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Folders of runs; a workspace means its last run
    #[arg(value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// What to judge by: demo, published, or a golden file; may be repeated [default: by the runs' profile]
    #[arg(long, value_name = "NAME|FILE")]
    golden: Vec<String>,
    /// Judge this task only; may be repeated [default: all tasks of the runs]
    #[arg(long, value_name = "TASK")]
    task: Vec<Task>,
    /// Seeds that must have a run; the verdict names those without one
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = seed, allow_negative_numbers = true)]
    seeds: Vec<u64>,
    /// Compare the answers with those of this run: at most --allow-flips of them may differ
    #[arg(long, value_name = "RUN", requires = "allow_flips")]
    against: Option<PathBuf>,
    /// Maximum number of answers that may differ, decided beforehand
    #[arg(long, value_name = "K", value_parser = whole::<u64>, allow_negative_numbers = true)]
    allow_flips: Option<u64>,
    /// Record the answers of one RUN in a golden file, to judge later runs of the same weights
    #[arg(long, value_name = "FILE", requires_all = ["allow_flips", "reason"], conflicts_with_all = ["against", "golden", "features"])]
    record: Option<PathBuf>,
    /// Why this number of answers may differ; recorded in the golden file
    #[arg(long, value_name = "TEXT", requires = "record")]
    reason: Option<String>,
    /// Compare two feature files, as `repro features compare` does, and judge them
    #[arg(long, num_args = 2, value_names = ["REFERENCE", "CANDIDATE"])]
    features: Vec<PathBuf>,
    /// Limits for features: same-extractor, port, native or half
    #[arg(long, value_name = "NAME", default_value = "same-extractor", requires = "features")]
    level: String,
    /// Judge only the images that are in both feature files
    #[arg(long, requires = "features")]
    common: bool,
    /// Print simulated rates of false PASS and false FAIL of each gate
    #[arg(long, exclusive = true)]
    power: bool,
    /// Also write report.html, report.json, report.md, junit.xml and others into this folder
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: ReportForm,
    /// Also print annotations for GitHub Actions
    #[arg(long)]
    annotations: bool,
}

const AFTER_HELP: &str = "\
Examples:
  repro check workspace                                    the last run of a workspace
  repro check runs/vqa-1 runs/vqa-2 runs/vqa-3             three seeds, judged by the published accuracy
  repro check --seeds 1,2,3 runs/vqa-*                     the same; a seed without a run is named
  repro check --golden demo workspace/runs/demo-*          runs of the demo, judged by recorded runs
  repro check --record golden/vqa.toml --allow-flips 0 --reason 'same CPU' runs/vqa-1
  repro check --golden golden/vqa.toml runs/today          same answers as recorded? For CI, in a second
  repro check --against runs/before --allow-flips 3 runs/after
  repro check --power                                      how often these verdicts are wrong
  repro check --features released_obj36.tsv mine_obj36.tsv --common
  repro check runs/vqa-1 --output verdict --annotations

The exit code is the verdict: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 4 INFRA. Damaged evidence: 5 or 7.";

/// Judges and prints.
///
/// # Errors
/// Usage for options that exclude each other; data or checksum if a run's evidence is damaged.
pub(crate) fn run(args: Args) -> Result<u8> {
    if args.power {
        return print_power();
    }
    if args.runs.is_empty() && args.features.is_empty() {
        return Err(
            Error::usage("there is nothing to judge").next("name the folder of a run, or two files with --features")
        );
    }
    if args.allow_flips.is_some() && args.against.is_none() && args.record.is_none() {
        return Err(Error::usage("--allow-flips needs --against or --record")
            .next("a golden file holds the number that it allows"));
    }
    let runs = read_all(&args.runs)?;
    for run in &runs {
        run.notes.iter().for_each(|note| status!("note: {note}"));
    }
    if let Some(file) = &args.record {
        return args.record(&runs, file);
    }
    let against = args.against.as_deref().map(read).transpose()?;
    // The first verdict on a run may lie beside what it saved; regrade compares with it.
    let reported = runs.iter().chain(&against).filter(|run| run.report.is_some());
    refuse_run_folder(reported, args.output.as_deref())?;
    let mut report = args.judge(&runs, against.as_ref())?;
    args.add_files(&mut report)?;
    print_report(&report, args.format, args.annotations, args.output.as_deref())
}

impl Args {
    fn judge(&self, runs: &[RunEvidence], reference: Option<&RunEvidence>) -> Result<Report> {
        let progress = Board::new();
        let features = match self.features.as_slice() {
            [reference, candidate] => Some(FeaturePair {
                files: [reference, candidate],
                level: &self.level,
                common: self.common,
                threads: cores(),
                progress: &progress,
            }),
            _ => None,
        };
        let assessment = assess(&AssessRequest {
            golden: &GoldenFile::load_all(&self.golden)?,
            runs,
            tasks: &self.task,
            seeds: &self.seeds,
            reference: reference.zip(self.allow_flips).map(|(run, allowed_flips)| ReferenceRun { run, allowed_flips }),
            features,
        })?;
        report(runs, assessment)
    }

    /// The files that no run names.
    fn add_files(&self, report: &mut Report) -> Result<()> {
        for path in &self.features {
            let bytes = path.metadata().map_err(|e| Error::io("look at", path, &e))?.len();
            // Their content is not read once more for a checksum.
            report.provenance.inputs.push(FileRecord {
                name: path.display().to_string(),
                bytes: Some(bytes),
                sha256: None,
            });
        }
        Ok(())
    }

    fn record(&self, runs: &[RunEvidence], file: &Path) -> Result<u8> {
        let ([run], Some(allowed), Some(reason)) = (runs, self.allow_flips, &self.reason) else {
            return Err(Error::usage("a golden file holds the answers of one run").next("name one RUN"));
        };
        if file.file_name().is_some_and(|name| name.to_str().is_none()) {
            return Err(Error::usage(format!("the name of {} is not UTF-8", file.display()))
                .next("name it otherwise: a golden file holds the name of the one beside it"));
        }
        let tasks = judged_tasks(runs, &self.task);
        let [task] = tasks.as_slice() else {
            return Err(Error::usage(format!("{} did {} tasks", run.name, tasks.len())).next("choose one with --task"));
        };
        let found = match run.task(*task) {
            Some(Ok(found)) => found,
            Some(Err(why)) => {
                return Err(Error::data(format!("{} has no {task} result", run.name))
                    .because(&why.sentence)
                    .next(&why.next));
            }
            None => {
                return Err(Error::usage(format!("{} did not do {task}", run.name)).next("choose a task that it did"));
            }
        };
        let [golden, items] = record::record(found, &run.name, file, allowed, reason)?;
        print_line(format!("{}\n{}", golden.display(), items.display()))?;
        Ok(exit::PASS)
    }
}

/// Simulates and prints the table of docs/verdicts.md.
fn print_power() -> Result<u8> {
    let (published, demo, limits) =
        (PublishedResults::embedded()?, GoldenRuns::parse(golden::DEMO)?, features::GoldenFeatures::embedded()?);
    let power = power::simulate(&published, &demo, &limits, power::SEED, power::DRAWS);
    print_line(power.markdown().trim_end())?;
    Ok(exit::PASS)
}
