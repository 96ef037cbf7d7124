//! What differs between two feature files of the same images, and what that difference means.
//!
//! Both files are read once, row by row on all cores, in memory that grows with the number of images and not with their
//! features. Neither rows nor boxes need be in the same order: rows are found by image, boxes are matched by overlap.
//!
//! - `input`: a TSV or a store as rows by image;
//! - `matching`: which box is which;
//! - `difference`, `image`: one pair of boxes, one image;
//! - `histogram`: quantiles in fixed memory;
//! - `run`: all images on all cores;
//! - `outcome`: the result; `show`: as a person reads it.

mod difference;
mod histogram;
mod image;
mod input;
mod matching;
mod outcome;
mod run;
mod show;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Instant;

pub use histogram::{QUANTILE_ERROR, Quantiles};
pub use image::Same;
pub use matching::MAX_BOXES;
pub use outcome::{Boxes, Comparison, Features, File, Found, Images, Named, Resized, Speed, Worst};

use crate::error::Result;
use crate::features::Row;
use crate::features::golden_rows::{Held, Watch};
use crate::features::progress::Progress;
use crate::features::store::Precision;
use crate::verdict::features::{Golden, Seen};
use input::Input;

/// What to compare by and how much to name.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'s> {
    /// The level to judge by.
    pub level: &'s str,
    /// Whether images in one file only are left out on purpose.
    pub common: bool,
    /// How many images are named where they are in one file only or were resized.
    pub named: usize,
    /// How many of the worst images are named.
    pub worst: usize,
    /// Threads that compare.
    pub threads: usize,
}

/// Compares two files, `a` being the reference, and judges what differs.
///
/// # Errors
/// Usage for an unknown level; data where a file is missing or damaged, naming the row and column, where an id is there
/// twice, or where A and B have features of different width; infra where reading fails.
pub fn compare(
    a: &Path,
    b: &Path,
    golden: &Golden,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Comparison> {
    let (level, tolerance) = golden.level(settings.level)?;
    let inputs = [Input::open(a, progress)?, Input::open(b, progress)?];
    let [one, other] = &inputs;
    let places: Vec<[usize; 2]> = (0..one.len()).filter_map(|at| Some([at, other.index_of(one.id(at))?])).collect();
    let halves = inputs.iter().filter(|input| input.precision() == Precision::F16).count() as u8;
    let rules = image::Rules {
        iou: golden.matching.iou,
        same: Same { pixels: tolerance.pixels, feature: tolerance.feature, probability: tolerance.probability },
        roundings: level.roundings.max(halves),
    };
    let start = Instant::now();
    let (images, tally) = run::all([one, other], &places, &rules, settings.threads, progress)?;
    let seconds = start.elapsed().as_secs_f64();
    let gathered = outcome::Gathered { paths: [a, b], inputs: [one, other], places, images, tally, rules, settings };
    let found = outcome::Found { golden: released(one)?, ..gathered.found(seconds) };
    let judged = level.judge(&Seen {
        images: found.images.common,
        only: [found.images.only_a.count, found.images.only_b.count],
        only_left_out: settings.common,
        not_compared: found.classes_not_compared(),
        measure: &|name| found.measure(name),
    });
    Ok(Comparison { found, judged, spreads: gathered.spreads() })
}

/// Released rows of a file; none where there is none, or where its features were rounded.
fn released(input: &Input) -> Result<Option<Held>> {
    if input.precision() == Precision::F16 {
        return Ok(None);
    }
    let (mut watch, mut text, mut row) = (Watch::embedded()?, Vec::new(), Row::default());
    for at in watch.images().iter().filter_map(|image| input.index_of(image)) {
        input.read(at, &mut text, &mut row)?;
        watch.row(&row);
    }
    Ok(watch.held())
}
