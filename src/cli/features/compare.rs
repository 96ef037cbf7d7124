//! `repro features compare`: what differs between two feature files, and what that means.

use std::path::PathBuf;

use super::format::Format;
use crate::cli::output::print_line;
use crate::cli::progress::board::Board;
use base::error::{Error, Result};
use base::files;
use base::format::{grouped, human_bytes, human_seconds};
use base::host::cores;
use base::status;
use data::features::compare::FeatureComparison;
use judge::verdict::comparison::{CompareSettings, compare};
use judge::verdict::features::GoldenFeatures;

/// Images named in a text and in JSON without `--list`.
const NAMED: [usize; 2] = [5, 20];

/// Compare two feature files of the same images, and judge the differences
///
/// A is the reference, B the candidate: obj36 TSVs or feature stores of any size. Images are matched by id
/// and boxes by overlap, so their order does not matter. Shows how features, boxes, classes and
/// probabilities differ and which images differ most. Judges by a level:
///
///   same-extractor  both come from the original's extractor on the same images (the default)
///   native          B comes from `repro extract --backend native`; INCONCLUSIVE at best
///   port            B is no farther from A than the detectron2 port is; this proves little
///   half            the same rows, kept in half precision
///
/// A TSV of bottom-up-attention's six columns has no classes and no probabilities: only the rest is
/// compared, and the verdict is never PASS. The limits with their reasons and sources are in
/// golden/features.toml. Exits with 0 for PASS, 1 for FAIL, 3 for INCONCLUSIVE.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  repro features compare released/train2014_obj36.tsv mine/train2014_obj36.tsv
  repro features compare --common golden/train2014_obj36.tsv mine/train2014_obj36.tsv
  repro features compare --level half a_obj36.tsv workspace/stores/a_obj36-1a2b3c4d.f16.safetensors
  repro features compare --format json --list --out comparison.json a_obj36.tsv b_obj36.tsv"
)]
pub(crate) struct Args {
    /// The reference: a TSV or a store
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The candidate: a TSV or a store
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Limits to judge by: same-extractor, port, native or half
    #[arg(long, value_name = "NAME", default_value = "same-extractor")]
    level: String,
    /// Judge only the images that are in both files
    #[arg(long)]
    common: bool,
    /// Name every image that is in one file only or has a different size, not just the first ones
    #[arg(long)]
    list: bool,
    /// Number of worst images to name
    #[arg(long, value_name = "N", default_value_t = 10)]
    worst: usize,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write the result into a file and print only the verdict
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the command: the exit code of the verdict.
///
/// # Errors
/// Usage for an unknown level or if `--out` is A or B; data if a file cannot be read or has a damaged row.
pub(crate) fn run(args: Args) -> Result<u8> {
    let is_input = |out: &PathBuf| {
        let real = |path: &PathBuf| std::fs::canonicalize(path).ok();
        real(out).is_some_and(|out| [&args.a, &args.b].into_iter().any(|input| real(input).as_ref() == Some(&out)))
    };
    if let Some(out) = args.out.as_ref().filter(|out| is_input(out)) {
        return Err(
            Error::usage(format!("--out would replace {}, which is compared", out.display())).next("name another file")
        );
    }
    let named = if args.list { usize::MAX } else { NAMED[usize::from(args.format == Format::Json)] };
    let threads = cores();
    let settings = CompareSettings { level: &args.level, common: args.common, named, worst: args.worst, threads };
    let compared = compare(&args.a, &args.b, &GoldenFeatures::embedded()?, &settings, &Board::new())?;
    let text = args.format.write(&compared)?;
    let verdict = compared.judged.verdict;
    match &args.out {
        Some(out) => {
            files::write_bytes(out, format!("{text}\n").as_bytes())?;
            print_line(format!("verdict: {verdict} ({})", out.display()))?;
        }
        None => print_line(&text)?,
    }
    tell_speed(&compared.found);
    Ok(verdict.exit_code())
}

fn tell_speed(found: &FeatureComparison) {
    let speed = &found.speed;
    let seconds = speed.seconds.max(1e-9);
    let rate = |amount: u64| (amount as f64 / seconds).round() as u64;
    status!(
        "compared {} images, {} in {} with {} threads: {} a second, {} images a second",
        grouped(found.images.common),
        human_bytes(speed.bytes),
        human_seconds(seconds),
        speed.threads,
        human_bytes(rate(speed.bytes)),
        grouped(rate(found.images.common))
    );
}
