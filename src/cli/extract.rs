//! `repro extract`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::assets::{Format, ManifestOptions};
use super::choices::gpu_path;
use super::progress::board::Board;
use crate::demo::DemoDetector;
use crate::extract::caffe::{self, Caffe, assets, gpus::GpuChoice};
use crate::extract::extraction::{ExtractPlan, ExtractRequest, ExtractSummary, extract, plan, row_bytes};
use crate::extract::image_sets::{ImageSet, ImageSource, Split};
use crate::extract::row_order::RowOrder;
use crate::extract::{Backend, PerImage, record};
use crate::images::{Role, resolve};
use base::error::{Error, Result};
use base::exit;
use base::format::{grouped, human_bytes, human_seconds};
use base::stdout;
use data::features::{RELEASED_BOXES, RELEASED_WIDTH};
use sandbox::{Engine, GpuPath};

/// Images shown of those that have no features.
const SHOWN: usize = 20;

/// Make obj36 features of images with the original's extractor, checked and complete
///
/// Runs the original's unmodified script in its container image, a part of the images on each GPU. Every row is checked as
/// it is written; what ends this command, the same command goes on. The file appears when it is complete, in a defined
/// order, under the name that training wants: NLVR2 {train,valid,test,hidden}_obj36.tsv, COCO
/// {train2014,val2014,test2015}_obj36.tsv, GQA vg_gqa_obj36.tsv. NAME.extract.json beside it says how it came about,
/// NAME.missing.json which images have no features, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The images
    set: ImageSet,
    /// Which of them; GQA has no splits
    #[arg(long)]
    split: Option<Split>,
    /// Folder of images: NLVR2's with train/, dev/, test1/, test2/; COCO's with train2014/, val2014/, test2015/; GQA's itself
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Where the features go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What extracts
    #[arg(long, value_enum, default_value = "caffe")]
    backend: Which,
    /// Write the file without the images that give no features; they are listed all the same
    #[arg(long)]
    allow_missing: bool,
    /// Order of the rows: minival's 5000 images first, then by id (the default for COCO valid, as the programs take minival
    /// from there), or all by id
    #[arg(long, value_enum)]
    order: Option<OrderBy>,
    /// The questions of minival [default: <workspace>/data/vqa/minival.json]
    #[arg(long, value_name = "FILE")]
    minival: Option<PathBuf>,
    /// Say what would be done; needs no container engine
    #[arg(long)]
    dry_run: bool,
    /// Folder that holds data/ with the script and the detector's weights
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    workspace: PathBuf,
    /// What to print: a page for people, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    container: ContainerOptions,
    #[command(flatten)]
    manifest: ManifestOptions,
}

/// How containers are run.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Container")]
struct ContainerOptions {
    /// GPUs by number, such as 0,1; all; or none, for an image that needs none (the original's needs one)
    #[arg(long, value_name = "LIST", default_value = "all")]
    gpus: GpuChoice,
    /// The way to the GPUs
    #[arg(long, value_parser = gpu_path(), default_value = "auto")]
    gpu_path: GpuPath,
    /// Another image than airsplay/bottom-up-attention
    #[arg(long, value_name = "REF")]
    image: Option<String>,
    /// Containers at a time [default: one on each GPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    shards: Option<u16>,
    /// Memory of each container, such as 24G [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<u64>,
    /// A container that says nothing for so long is stopped; the script says something at each image
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..))]
    silence: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// The original's Caffe, in its container
    Caffe,
    /// The classical detector of `repro all --profile demo`, for its drawn scenes
    Demo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OrderBy {
    /// By id
    Id,
    /// Minival's images first
    Minival,
}

const AFTER_HELP: &str = "\
Examples:
  repro extract nlvr2 --split valid --images nlvr2/images --out workspace/data/nlvr2_imgfeat
  repro extract coco --split valid --images mscoco/images --out workspace/data/mscoco_imgfeat --gpus 0,1
  repro extract gqa --images gqa/images --out workspace/data/vg_gqa_imgfeat --dry-run

Before: `repro fetch --task extract` for the script and the weights, `repro images pull extractor` for the image.

Exit codes: 0 all is there; 2 usage; 4 no engine, no GPU, or one that is too new, a container failed; 5 images have no
features (listed; --allow-missing writes the file without them), or a row or a file is wrong; 7 another script than it should
be; 8 disk full; 130 interrupted.";

/// Runs the command.
///
/// # Errors
/// Usage, infra, data, checksum, disk, interrupted, as [`exit`] has them.
pub(crate) fn run(args: Args) -> Result<u8> {
    let source = ImageSource::of(args.set, args.split)?;
    let board = Board::new();
    let request = ExtractRequest {
        source,
        order: order(&args, &source)?,
        images: args.images.clone(),
        out: args.out.clone(),
        allow_missing: args.allow_missing,
    };
    request.order.note().iter().for_each(|note| board.say(note));
    let plan = plan(&request)?;
    if args.dry_run {
        stdout::line(&forecast(&args, &request, &plan));
        return Ok(exit::PASS);
    }
    if args.format == Format::Text && !plan.listing.strays.is_empty() {
        let (count, one) = (plan.listing.strays.len(), plan.listing.strays[0].display());
        board.say(&format!("{count} entries are no images and are passed over, such as {one}"));
    }
    let summary = match args.backend {
        Which::Demo => extract(&request, &plan, &mut PerImage(DemoDetector), &board)?,
        Which::Caffe => extract(&request, &plan, &mut caffe(&args, &source, &board)?, &board)?,
    };
    match args.format {
        Format::Text => stdout::line(&page(&summary, &request)),
        Format::Json => stdout::line(&json(&summary)?),
    }
    Ok(if summary.record.is_some() { exit::PASS } else { exit::DATA })
}

fn order(args: &Args, source: &ImageSource) -> Result<RowOrder> {
    let default = if source.begins_with_minival() { OrderBy::Minival } else { OrderBy::Id };
    match args.order.unwrap_or(default) {
        OrderBy::Id => Ok(RowOrder::Id),
        OrderBy::Minival if !source.begins_with_minival() => {
            Err(Error::usage(format!("minival is no part of {}", source.output)).next("leave --order out"))
        }
        OrderBy::Minival => {
            let usual = || args.workspace.join("data/vqa/minival.json");
            RowOrder::minival(&args.minival.clone().unwrap_or_else(usual))
        }
    }
}

fn caffe(args: &Args, source: &ImageSource, board: &Board) -> Result<Caffe> {
    let known = args.manifest.read(&args.workspace)?;
    let found = assets::find([source.script, assets::WEIGHTS], &known.manifest, &known.lock, &args.workspace)?;
    let engine = Engine::connect(&format!("extract {}", source.stem()))?;
    for removed in engine.remove_leftovers()? {
        board.say(&format!("removed a container of a run that was killed: {removed}"));
    }
    let resolved = resolve(&engine, Role::Extractor, args.container.image.as_deref(), &args.workspace)?;
    resolved.warning().iter().for_each(|warning| board.say(warning));
    let settings = caffe::CaffeSettings {
        gpus: args.container.gpus.clone(),
        gpu_path: args.container.gpu_path,
        shards: args.container.shards.map(usize::from),
        memory: args.container.memory,
        silence: Duration::from_secs(args.container.silence),
    };
    Caffe::new(engine, resolved.image, found, settings, board)
}

/// What would be done.
fn forecast(args: &Args, request: &ExtractRequest, plan: &ExtractPlan) -> String {
    let (boxes, dim) = match args.backend {
        Which::Caffe => (RELEASED_BOXES, RELEASED_WIDTH),
        Which::Demo => (PerImage(DemoDetector).boxes(), PerImage(DemoDetector).dim()),
    };
    let ExtractRequest { source, out, .. } = request;
    let (images, listing) = (plan.ids.len(), &plan.listing);
    let file = row_bytes(boxes, dim).saturating_mul(images as u64);
    let mut text = format!("{} images below {}\n", grouped(images as u64), plan.root.join(source.folder).display());
    for image in listing.left_out.iter().take(SHOWN) {
        let _ = writeln!(text, "  left out: {}: {}", image.path.display(), image.reason);
    }
    if !listing.strays.is_empty() {
        let _ =
            writeln!(text, "{} entries are no images, such as {}", listing.strays.len(), listing.strays[0].display());
    }
    let _ = writeln!(text, "features: {}, {}", out.join(source.output).display(), human_bytes(file));
    let _ = write!(text, "disk: {} until it is complete", human_bytes(file.saturating_mul(2)));
    if args.backend == Which::Caffe {
        let container = &args.container;
        let parts = container.shards.map_or_else(|| "one on each GPU".to_owned(), |n| n.to_string());
        let image = container.image.as_deref().unwrap_or("the extractor's (repro images list)");
        let _ = write!(
            text,
            "\ncontainers at a time: {parts}, image: {image}\nmounted: {} (read), the {} and the {} (read), folders of \
             links (read), a folder for rows (write); no network",
            plan.root.display(),
            source.script,
            assets::WEIGHTS,
        );
    }
    text
}

/// What came of it, for people.
fn page(summary: &ExtractSummary, request: &ExtractRequest) -> String {
    let mut text = String::new();
    if !summary.missing.is_empty() {
        let _ = writeln!(text, "{} images have no features:", grouped(summary.missing.len() as u64));
        for image in summary.missing.iter().take(SHOWN) {
            let _ = writeln!(text, "  {}: {}", image.path.display(), image.reason);
        }
        let all = record::missing_place(&request.out, &request.source);
        let _ = writeln!(text, "all of them: {}", all.display());
    }
    match &summary.record {
        Some(record) => {
            let _ = write!(
                text,
                "{}: {} rows, {}, sha256 {}",
                summary.output.display(),
                grouped(record.rows as u64),
                human_bytes(record.bytes),
                record.sha256
            );
            if summary.was_there {
                let _ = write!(text, "\nit was there already, as this command makes it");
            } else {
                let _ = write!(
                    text,
                    "\n{} images extracted in {}, {:.2} images/s",
                    grouped(record.extracted as u64),
                    human_seconds(record.seconds),
                    record.images_per_second
                );
            }
        }
        None => {
            let _ = write!(
                text,
                "{} is not written; the rows of all other images are kept.\nnext: mend or remove these images and run the \
                 same command, or add --allow-missing",
                summary.output.display()
            );
        }
    }
    text
}

fn json(summary: &ExtractSummary) -> Result<String> {
    let value = serde_json::json!({
        "output": summary.output,
        "written": summary.record.is_some(),
        "was_there": summary.was_there,
        "missing": summary.missing,
        "record": summary.record,
    });
    serde_json::to_string(&value).map_err(|error| Error::bug("cannot write the summary as JSON").because(error))
}

/// `24G`: decimal units, or binary ones as `24GiB`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err("a size is such as 500M, 24G or 24GiB".into()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "a size is such as 500M, 24G or 24GiB".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(["24G", "512MiB", "7"].map(size), [Ok(24_000_000_000), Ok(512 << 20), Ok(7)]);
        assert!(["", "G", "0", "1T", "99999999999G"].iter().all(|text| size(text).is_err()));
    }
}
