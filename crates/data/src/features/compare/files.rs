//! Compares two files and counts the released rows in the first.

use super::outcome;
use super::rules::MatchRules;
use super::run;
use super::{CompareSettings, DifferenceSpread, FeatureComparison};

use std::path::Path;
use std::time::Instant;

use crate::features::Row;
use crate::features::open_features::OpenFeatures;
use crate::features::released_rows::{ReleasedRow, ReleasedRowCheck, ReleasedRowCount};
use crate::features::store::Precision;
use base::error::Result;
use base::progress::Observer;

/// A comparison and the distribution of each kind of difference.
pub struct FeatureMeasurement {
    /// What differs.
    pub found: FeatureComparison,
    /// For reports.
    pub spreads: Vec<DifferenceSpread>,
}

/// Compares two files, `a` being the reference.
///
/// # Errors
/// Data if a file is missing or damaged, naming the row and column, if an id occurs twice, or if A and B have
/// features of different width; infra if reading fails.
pub fn measure(a: &Path, b: &Path, settings: &CompareSettings, progress: &dyn Observer) -> Result<FeatureMeasurement> {
    let inputs = [OpenFeatures::open(a, progress)?, OpenFeatures::open(b, progress)?];
    let [one, other] = &inputs;
    let places: Vec<[usize; 2]> = (0..one.images()).filter_map(|at| Some([at, other.index_of(one.id(at))?])).collect();
    let rules = MatchRules { iou: settings.iou, same: settings.same, roundings: settings.roundings };
    let rules = rules.for_files([one, other]);
    let start = Instant::now();
    let (images, tally) = run::all([one, other], &places, &rules, settings.threads, progress)?;
    let seconds = start.elapsed().as_secs_f64();
    let gathered =
        outcome::ComparisonTotals { paths: [a, b], inputs: [one, other], places, images, tally, rules, settings };
    let found = outcome::FeatureComparison { golden: released(one, settings.released)?, ..gathered.found(seconds) };
    Ok(FeatureMeasurement { found, spreads: gathered.spreads() })
}

/// Counts the released rows of a file; `None` if there are none, or its features were rounded.
pub(super) fn released(input: &OpenFeatures, known: &[ReleasedRow]) -> Result<Option<ReleasedRowCount>> {
    if input.precision() == Precision::F16 {
        return Ok(None);
    }
    let (mut watch, mut text, mut row) = (ReleasedRowCheck::new(known), Vec::new(), Row::default());
    for at in watch.images().iter().filter_map(|image| input.index_of(image)) {
        input.read(at, &mut text, &mut row)?;
        watch.row(&row);
    }
    Ok(watch.held())
}
