//! `repro features show`: the boxes of feature files on their pictures, as a page.

use std::path::{Path, PathBuf};

use super::class_names::NameOptions;
use crate::cli::named_inputs::{NamedInput, check_inputs};
use crate::cli::output::print_line;
use crate::cli::progress::board::Board;
use crate::feature_page::{BoxTally, CompareWith, FeaturePage, GatheredPage, PageRequest, ShownImage, gather, html};
use base::error::{Error, Result};
use base::exit;
use base::files;
use base::format::{grouped, number_of};
use base::status;
use data::features::compare::{MatchRules, SameBoxBounds};
use judge::verdict::features::GoldenFeatures;

/// Number of images that a message names.
const NAMED: usize = 5;

/// Show boxes on their pictures, as a page to open in a browser
///
/// Writes one self-contained HTML file: pictures with numbered boxes, names and probabilities of objects and attributes. With a
/// second file, its boxes stand beside, matched one to one as `repro features compare` does, and what differs is marked. The page
/// needs no scripts and no network.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The TSV or the store
    file: PathBuf,
    /// Ids of the images to show [default: the first ones of the file]
    #[arg(value_name = "IMAGE")]
    ids: Vec<String>,
    /// Folder of the pictures, in any nesting: JPEG or PNG files whose names up to the first dot are the images' ids
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// HTML file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Number of images to show if none are named, at most 500
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=500), allow_negative_numbers = true)]
    limit: u16,
    /// A second file, the candidate: its boxes stand beside, and what differs is marked
    #[arg(long, value_name = "FILE", help_heading = "Comparison")]
    with: Option<PathBuf>,
    /// Level of golden/features.toml whose tolerance says which boxes differ: same-extractor, port or half
    #[arg(long, value_name = "NAME", default_value = "same-extractor", requires = "with", help_heading = "Comparison")]
    level: String,
    #[command(flatten)]
    names: NameOptions,
}

const AFTER_HELP: &str = "\
Examples:
  repro features show val2014_obj36.tsv --images coco/images/val2014 --out boxes.html
  repro features show val2014_obj36.tsv COCO_val2014_000000000042 --images coco/images --out dog.html
  repro features show released_obj36.tsv --with mine_obj36.tsv --images coco/images --out both.html
  repro features show demo_obj36.tsv --images scenes --object-names shapes.txt --attribute-names colours.txt --out demo.html

Prints the path of the page. Pictures stand in it with their own bytes: at most 8 MB each and 64 MB in all. An image without a
picture is drawn on an empty frame, with the reason. A picture of a size that the file does not have is named: it is another one,
or was rotated in another way.

Exit codes: 0 the page is written; 2 usage; 5 a file is damaged, or none of the pictures can be shown.";

/// Writes the page and prints its path.
///
/// # Errors
/// Usage if the page exists, an id is unknown or the level is; data as documented in [`gather`].
pub(crate) fn run(args: Args) -> Result<u8> {
    check(&args)?;
    let names = args.names.read()?;
    let golden = GoldenFeatures::embedded()?;
    let (level, tolerance) = golden.level(&args.level)?;
    let same =
        SameBoxBounds { pixels: tolerance.pixels, feature: tolerance.feature, probability: tolerance.probability };
    let rules = MatchRules { iou: golden.matching.iou, same, roundings: level.roundings };
    let source = format!("level {} of golden/features.toml", level.name);
    let request = PageRequest {
        file: &args.file,
        with: args.with.as_deref().map(|file| CompareWith { file, rules, source: &source }),
        images: &args.images,
        ids: &args.ids,
        limit: args.limit.into(),
        names: &names,
    };
    let gathered = gather(&request, &Board::new())?;
    files::write_bytes(&args.out, html::render(&gathered.page).as_bytes())?;
    status!("{} shows {}", args.out.display(), shown(&gathered.page));
    tell(&gathered);
    print_line(args.out.display().to_string())?;
    Ok(exit::PASS)
}

/// Checks what the command line names, before anything is read.
fn check(args: &Args) -> Result<()> {
    let features = [Some(args.file.as_path()), args.with.as_deref()].into_iter().flatten().map(NamedInput::Features);
    check_inputs(features.chain([NamedInput::Folder(&args.images), NamedInput::OutputFile(&args.out)]))?;
    match exists(&args.out) {
        true => {
            Err(Error::usage(format!("{} exists", args.out.display())).next("name another file, or remove this one"))
        }
        false => Ok(()),
    }
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Says how two files compare, and what is not as it should be.
fn tell(gathered: &GatheredPage) {
    let page = &gathered.page;
    if let Some(tally) = page.images.iter().filter_map(ShownImage::tally).reduce(BoxTally::plus) {
        status!("{}", html::tally(&tally));
    }
    let pictures = page.images.len() as u64;
    list(&gathered.missing, pictures, "without a picture");
    list(&gathered.resized, pictures, "whose sizes do not agree");
    if !page.names.is_empty() {
        status!("{}", page.names);
    }
}

fn shown(page: &FeaturePage) -> String {
    let images = number_of(page.images.len() as u64, "image");
    match page.more_images {
        0 => images,
        more => format!("{images}; {} more are in {}", grouped(more), page.files.first().map_or("", |file| &file.name)),
    }
}

/// Writes of how many images this is so, and names the first of them.
fn list(found: &[String], images: u64, what: &str) {
    if found.is_empty() {
        return;
    }
    status!("warning: {} of {} {what}:", found.len(), number_of(images, "image"));
    found.iter().take(NAMED).for_each(|one| status!("warning:   {one}"));
    if found.len() > NAMED {
        status!("warning:   and {} more; the page names them all", found.len() - NAMED);
    }
}
