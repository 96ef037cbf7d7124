//! Compares two files, and says which released features they hold.

use super::image;
use super::outcome;
use super::run;
use super::{Found, Settings, Spread};

use std::path::Path;
use std::time::Instant;

use super::input::Input;
use crate::features::Row;
use crate::features::golden_rows::{Held, Released, Watch};
use crate::features::store::Precision;
use base::error::Result;
use base::progress::Observer;

/// What differs, and how each kind of difference is spread.
pub struct Measured {
    /// What differs.
    pub found: Found,
    /// For reports.
    pub spreads: Vec<Spread>,
}

/// Compares two files, `a` being the reference.
///
/// # Errors
/// Data where a file is missing or damaged, naming the row and column, where an id is there twice, or where A and B have
/// features of different width; infra where reading fails.
pub fn measure(a: &Path, b: &Path, settings: &Settings, progress: &dyn Observer) -> Result<Measured> {
    let inputs = [Input::open(a, progress)?, Input::open(b, progress)?];
    let [one, other] = &inputs;
    let places: Vec<[usize; 2]> = (0..one.len()).filter_map(|at| Some([at, other.index_of(one.id(at))?])).collect();
    let halves = inputs.iter().filter(|input| input.precision() == Precision::F16).count() as u8;
    let rules = image::Rules { iou: settings.iou, same: settings.same, roundings: settings.roundings.max(halves) };
    let start = Instant::now();
    let (images, tally) = run::all([one, other], &places, &rules, settings.threads, progress)?;
    let seconds = start.elapsed().as_secs_f64();
    let gathered = outcome::Gathered { paths: [a, b], inputs: [one, other], places, images, tally, rules, settings };
    let found = outcome::Found { golden: released(one, settings.released)?, ..gathered.found(seconds) };
    Ok(Measured { found, spreads: gathered.spreads() })
}

/// Released rows of a file; none where there is none, or where its features were rounded.
pub(super) fn released(input: &Input, known: &[Released]) -> Result<Option<Held>> {
    if input.precision() == Precision::F16 {
        return Ok(None);
    }
    let (mut watch, mut text, mut row) = (Watch::new(known), Vec::new(), Row::default());
    for at in watch.images().iter().filter_map(|image| input.index_of(image)) {
        input.read(at, &mut text, &mut row)?;
        watch.row(&row);
    }
    Ok(watch.held())
}
