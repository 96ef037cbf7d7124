//! Measures reading obj36 TSV files.

use std::path::Path;

use serde_json::{Value, json};

use base::error::{Error, Result};
use base::status;
use data::features::bench::tsv_throughput;
use data::features::{RELEASED_BOXES, RELEASED_WIDTH};

/// Size of a generated row in bytes, for messages about disk space.
const ROW_BYTES: u64 = 395_182;

/// Reads and validates a generated file of `images` rows `steps` times on one thread.
pub fn measure(images: usize, steps: usize, folder: Option<&Path>) -> Result<Value> {
    const MOST: usize = 100_000;
    if images > MOST {
        return Err(Error::usage(format!("--images must be at most {MOST}")));
    }
    let megabytes = images as u64 * ROW_BYTES / 1_000_000;
    let place = folder.map_or_else(std::env::temp_dir, Path::to_owned);
    status!("writing a file of {megabytes} MB into {}, then reading it {steps} times", place.display());
    let bench = tsv_throughput(images, steps, folder)?;
    let milliseconds = |seconds: &[f64]| seconds.iter().map(|s| measure::rounded(s * 1e3)).collect::<Vec<_>>();
    let all = milliseconds(&bench.seconds);
    let cpu = milliseconds(&bench.cpu_seconds);
    let summary = measure::part(&all);
    Ok(measure::report(
        json!({
            "bench": "tsv",
            "what": "reading and checking an obj36 TSV row by row, the file in the page cache",
            "data": "generated",
            "sizes": { "images": images, "boxes": RELEASED_BOXES, "features": RELEASED_WIDTH, "bytes": bench.bytes },
            "steps": steps,
            "ms_per_step": { "median": summary["median"], "best": summary["best"], "all": all },
            "cpu_ms_per_step": measure::part(&cpu),
            "gb_per_s": { "median": measure::rounded(bench.gb_per_s_median), "best": measure::rounded(bench.gb_per_s_best) },
            "gb_per_cpu_s": { "median": measure::rounded(bench.gb_per_cpu_s_median) },
            "images_per_s": { "median": measure::rounded(bench.images_per_s_median) },
        }),
        1,
    ))
}
