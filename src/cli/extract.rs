//! `repro extract`: extracts obj36 features from images.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::assets::{ManifestOptions, OutputFormat};
use super::progress::board::Board;
use super::value_parsers::gpu_path;
use crate::demo::DemoDetector;
use crate::extract::caffe::{self, Caffe, CaffeDevice, assets, gpus::GpuChoice};
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

/// Maximum number of images listed as without features.
const MAX_LISTED: usize = 20;

/// Extract obj36 features from images with the original's extractor
///
/// Runs the original's unmodified script in its container image, with a part of the images on each GPU. Checks every row as it is
/// written; after any interruption, the same command resumes. The complete file is written in a defined order, with the name that
/// training expects: NLVR2 {train,valid,test,hidden}_obj36.tsv, COCO {train2014,val2014,test2015}_obj36.tsv, GQA
/// vg_gqa_obj36.tsv. NAME.extract.json beside it records how it was made, NAME.missing.json the images without features and the
/// reasons.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Set of images
    set: ImageSet,
    /// Split of the set; GQA has none
    #[arg(long)]
    split: Option<Split>,
    /// Folder of images: NLVR2's with train/, dev/, test1/, test2/; COCO's with train2014/, val2014/, test2015/; GQA's itself
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Folder to write the features into
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Extractor to use
    #[arg(long, value_enum, default_value = "caffe")]
    backend: ExtractBackend,
    /// Write the file even if some images have no features; they are still listed
    #[arg(long)]
    allow_missing: bool,
    /// Order of the rows: minival's 5000 images first, then by id (default for COCO valid, where the programs read minival from the
    /// beginning), or all by id
    #[arg(long, value_enum)]
    order: Option<OrderBy>,
    /// File with the questions of minival [default: <workspace>/data/vqa/minival.json]
    #[arg(long, value_name = "FILE")]
    minival: Option<PathBuf>,
    /// Show what would be done; needs no container engine
    #[arg(long)]
    dry_run: bool,
    /// Folder that holds data/ with the script and the detector's weights
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    workspace: PathBuf,
    /// What to print: text, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
    #[command(flatten)]
    container: ContainerOptions,
    #[command(flatten)]
    manifest: ManifestOptions,
}

/// The container options.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Container")]
struct ContainerOptions {
    /// Numbers of the GPUs, such as 0,1; all; or none, for an image that needs no GPU (the original's needs one) [default: all]
    #[arg(long, value_name = "LIST")]
    gpus: Option<GpuChoice>,
    /// How containers get access to the GPUs
    #[arg(long, value_parser = gpu_path(), default_value = "auto")]
    gpu_path: GpuPath,
    /// Image to use instead of airsplay/bottom-up-attention
    #[arg(long, value_name = "REF")]
    image: Option<String>,
    /// Number of containers at the same time [default: one per GPU, or one with caffe-cpu]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    shards: Option<u16>,
    /// Memory limit of each container, such as 24G [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<u64>,
    /// Stop a container that prints nothing for this long; the script prints a line for each image
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..))]
    silence: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExtractBackend {
    /// The original's Caffe model, in its container
    Caffe,
    /// The same without a GPU: 13 GiB of memory and about 20 s an image, so for few images
    CaffeCpu,
    /// The classical detector of `repro all --profile demo`, for drawn scenes
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
  repro extract coco --split train --images ten --out features --backend caffe-cpu

First fetch the script and the weights with `repro fetch --task extract`, and the image with `repro images pull extractor`.

Exit codes: 0 the file is complete; 2 usage; 4 no engine, no GPU, a GPU that is too new, too little memory, or a container failed;
5 images have no features (they are listed, and --allow-missing writes the file without them), or a row or a file is damaged; 7 the
script has the wrong checksum; 8 disk full; 130 interrupted.";

/// Runs the command.
///
/// # Errors
/// Usage, infra, data, checksum, disk or interrupted, as documented in [`exit`].
pub(crate) fn run(args: Args) -> Result<u8> {
    let source = ImageSource::of(args.set, args.split)?;
    if args.backend == ExtractBackend::CaffeCpu {
        caffe::cpu::refuse_gpus(args.container.gpus.as_ref())?;
    }
    let board = Board::new();
    let request = ExtractRequest {
        source,
        order: order(&args, &source)?,
        images: args.images.clone(),
        out: args.out.clone(),
        allow_missing: args.allow_missing,
    };
    request.order.note().iter().for_each(|note| board.print_line(note));
    let plan = plan(&request)?;
    if args.dry_run {
        stdout::line(&forecast(&args, &request, &plan));
        return Ok(exit::PASS);
    }
    if args.format == OutputFormat::Text && !plan.listing.strays.is_empty() {
        let (count, one) = (plan.listing.strays.len(), plan.listing.strays[0].display());
        board.print_line(&format!("skipping {count} entries that are not images, such as {one}"));
    }
    let summary = match args.backend {
        ExtractBackend::Demo => extract(&request, &plan, &mut PerImage(DemoDetector), &board)?,
        ExtractBackend::Caffe | ExtractBackend::CaffeCpu => {
            extract(&request, &plan, &mut caffe(&args, &source, &board)?, &board)?
        }
    };
    match args.format {
        OutputFormat::Text => stdout::line(&page(&summary, &request)),
        OutputFormat::Json => stdout::line(&json(&summary)?),
    }
    Ok(if summary.record.is_some() { exit::PASS } else { exit::DATA })
}

fn order(args: &Args, source: &ImageSource) -> Result<RowOrder> {
    let default = if source.begins_with_minival() { OrderBy::Minival } else { OrderBy::Id };
    match args.order.unwrap_or(default) {
        OrderBy::Id => Ok(RowOrder::Id),
        OrderBy::Minival if !source.begins_with_minival() => {
            Err(Error::usage(format!("--order minival: {} does not contain minival", source.output))
                .next("omit --order"))
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
        board.print_line(&format!("removed a container of a killed run: {removed}"));
    }
    let resolved = resolve(&engine, Role::Extractor, args.container.image.as_deref(), &args.workspace)?;
    resolved.warning().iter().for_each(|warning| board.print_line(warning));
    let device = match args.backend {
        ExtractBackend::CaffeCpu => CaffeDevice::Cpu,
        _ => CaffeDevice::Gpus(args.container.gpus.clone().unwrap_or(GpuChoice::All), args.container.gpu_path),
    };
    let settings = caffe::CaffeSettings {
        device,
        shards: args.container.shards.map(usize::from),
        memory: args.container.memory,
        silence: Duration::from_secs(args.container.silence),
    };
    Caffe::new(engine, resolved.image, found, settings, board)
}

/// Returns the text of --dry-run.
fn forecast(args: &Args, request: &ExtractRequest, plan: &ExtractPlan) -> String {
    let (boxes, dim) = match args.backend {
        ExtractBackend::Caffe | ExtractBackend::CaffeCpu => (RELEASED_BOXES, RELEASED_WIDTH),
        ExtractBackend::Demo => (PerImage(DemoDetector).boxes(), PerImage(DemoDetector).dim()),
    };
    let ExtractRequest { source, out, .. } = request;
    let (images, listing) = (plan.ids.len(), &plan.listing);
    let file = row_bytes(boxes, dim).saturating_mul(images as u64);
    let mut text = format!("{} images below {}\n", grouped(images as u64), plan.root.join(source.folder).display());
    for image in listing.left_out.iter().take(MAX_LISTED) {
        let _ = writeln!(text, "  skipped: {}: {}", image.path.display(), image.reason);
    }
    if !listing.strays.is_empty() {
        let _ =
            writeln!(text, "{} entries are not images, such as {}", listing.strays.len(), listing.strays[0].display());
    }
    let _ = writeln!(text, "features: {}, {}", out.join(source.output).display(), human_bytes(file));
    let _ = write!(text, "disk space: {} until the file is complete", human_bytes(file.saturating_mul(2)));
    if args.backend != ExtractBackend::Demo {
        let (container, on_cpu) = (&args.container, args.backend == ExtractBackend::CaffeCpu);
        let default = if on_cpu { "1" } else { "one per GPU" };
        let parts = container.shards.map_or_else(|| default.to_owned(), |n| n.to_string());
        let image = container.image.as_deref().unwrap_or("the extractor's (repro images list)");
        let _ = write!(
            text,
            "\ncontainers at the same time: {parts}, image: {image}\nmounts: {} (read), the {} and the {} (read), folders of \
             links (read), a folder for rows (write); no network",
            plan.root.display(),
            source.script,
            assets::WEIGHTS,
        );
        if on_cpu {
            let _ = write!(text, "\n{}", caffe::cpu::forecast(images, container.shards.map_or(1, usize::from)));
        }
    }
    text
}

/// Returns the text of the result.
fn page(summary: &ExtractSummary, request: &ExtractRequest) -> String {
    let mut text = String::new();
    if !summary.missing.is_empty() {
        let _ = writeln!(text, "{} images have no features:", grouped(summary.missing.len() as u64));
        for image in summary.missing.iter().take(MAX_LISTED) {
            let _ = writeln!(text, "  {}: {}", image.path.display(), image.reason);
        }
        let all = record::missing_place(&request.out, &request.source);
        let _ = writeln!(text, "full list: {}", all.display());
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
                let _ = write!(text, "\nalready present, as this command would write it");
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
                "{} is not written; the rows of all other images are kept.\nnext: fix or remove these images and run the \
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

/// Parses a size such as `24G` in decimal units, or `24GiB` in binary ones.
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
        _ => return Err("it must be a size such as 500M, 24G or 24GiB".into()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "it must be a size such as 500M, 24G or 24GiB".into())
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
