//! What `repro extract --dry-run` prints.

use std::fmt::Write as _;

use super::args::Args;
use super::backends::{self, Chosen};
use crate::demo::DemoDetector;
use crate::extract::caffe::{assets, cpu};
use crate::extract::extraction::{ExtractPlan, ExtractRequest, row_bytes};
use crate::extract::{Backend, PerImage};
use base::error::Result;
use base::format::{grouped, human_bytes};
use base::host::cores;
use data::features::{RELEASED_BOXES, RELEASED_WIDTH};

/// Maximum number of images listed as without features.
pub(super) const MAX_LISTED: usize = 20;

/// Returns the text.
///
/// # Errors
/// Those of weights that the arguments name.
pub(super) fn forecast(
    args: &Args,
    chosen: Chosen,
    why: Option<&str>,
    request: &ExtractRequest,
    plan: &ExtractPlan,
) -> Result<String> {
    let (boxes, dim) = match chosen {
        Chosen::Caffe | Chosen::CaffeCpu => (RELEASED_BOXES, RELEASED_WIDTH),
        Chosen::Demo => (PerImage(DemoDetector).boxes(), PerImage(DemoDetector).dim()),
        Chosen::Native => {
            let named = args.native.weights.is_some();
            let dim = if named { backends::weights(args)?.features } else { RELEASED_WIDTH };
            (args.native.box_numbers().most, dim)
        }
    };
    let ExtractRequest { source, out, .. } = request;
    let (images, listing) = (plan.ids.len(), &plan.listing);
    let file = row_bytes(boxes, dim).saturating_mul(images as u64);
    let folder = plan.root.join(source.folder);
    let mut text = format!("{} images below {}\n", grouped(images as u64), folder.display());
    for image in listing.left_out.iter().take(MAX_LISTED) {
        let _ = writeln!(text, "  skipped: {}: {}", image.path.display(), image.reason);
    }
    if !listing.strays.is_empty() {
        let _ =
            writeln!(text, "{} entries are not images, such as {}", listing.strays.len(), listing.strays[0].display());
    }
    if let Some(why) = why {
        let _ = writeln!(text, "backend: {} {why}", chosen.name());
    }
    let _ = writeln!(text, "features: {}, {}", out.join(&*source.output).display(), human_bytes(file));
    let _ = write!(text, "disk space: {} until the file is complete", human_bytes(file.saturating_mul(2)));
    let container = &args.container;
    let default = if chosen == Chosen::CaffeCpu { "1" } else { "one per GPU" };
    let parts = container.shards.map_or_else(|| default.to_owned(), |n| n.to_string());
    match chosen {
        Chosen::Caffe | Chosen::CaffeCpu => {
            let image = container.image.as_deref().unwrap_or("the extractor's (repro images list)");
            let _ = write!(
                text,
                "\ncontainers at the same time: {parts}, image: {image}\nmounts: {} (read), the {} and the {} (read), folders of \
                 links (read), a folder for rows (write); no network",
                plan.root.display(),
                source.script,
                assets::WEIGHTS,
            );
            if chosen == Chosen::CaffeCpu {
                let _ = write!(text, "\n{}", cpu::forecast(images, container.shards.map_or(1, usize::from)));
            }
        }
        Chosen::Native => {
            let threads = args.native.threads.map_or_else(cores, usize::from);
            let _ = write!(text, "\nworkers at the same time: {parts}, each with {threads} CPU threads");
        }
        Chosen::Demo => {}
    }
    Ok(text)
}
