//! Measures two feature files and judges their differences.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::super::features::{FeatureVerdict, GoldenFeatures, MeasureRow, MeasuredDifferences};
use super::super::row::Spread;
use base::error::Result;
use base::progress::Observer;
use base::table::paragraph;
use data::features::compare::{self, FeatureComparison, FeatureMeasurement, SameBoxBounds, short};
use data::features::released_rows::ReleasedRow;

/// A comparison and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The measured differences.
    #[serde(flatten)]
    pub found: FeatureComparison,
    /// The judgement of these differences.
    pub judged: FeatureVerdict,
    /// Histograms of the differences, for reports.
    #[serde(skip)]
    pub spreads: Vec<Spread>,
}

/// Options of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct CompareSettings<'s> {
    /// The level to judge by.
    pub level: &'s str,
    /// Whether to leave out images that are in one file only.
    pub common: bool,
    /// Maximum number of images that are named in a list, such as those in one file only.
    pub named: usize,
    /// Maximum number of worst images that are named.
    pub worst: usize,
    /// Number of threads.
    pub threads: usize,
}

impl GoldenFeatures {
    /// Returns the released rows, to look for them in files.
    pub fn released(&self) -> Vec<ReleasedRow> {
        let of = |image: &super::super::snapshot::Snapshot| ReleasedRow {
            img_id: image.img_id.clone(),
            sha256: image.sha256.clone(),
        };
        self.images.iter().map(of).collect()
    }
}

/// Compares two files, `a` being the reference, and judges the differences.
///
/// # Errors
/// Usage for an unknown level; those of [`compare::measure`].
pub fn compare(
    a: &Path,
    b: &Path,
    golden: &GoldenFeatures,
    settings: &CompareSettings,
    progress: &dyn Observer,
) -> Result<Comparison> {
    let (level, tolerance) = golden.level(settings.level)?;
    let by = compare::CompareSettings {
        iou: golden.matching.iou,
        same: SameBoxBounds {
            pixels: tolerance.pixels,
            feature: tolerance.feature,
            probability: tolerance.probability,
        },
        roundings: level.roundings,
        released: &golden_released()?,
        named: settings.named,
        worst: settings.worst,
        threads: settings.threads,
    };
    let FeatureMeasurement { found, spreads } = compare::measure(a, b, &by, progress)?;
    let judged = level.judge(&MeasuredDifferences {
        images: found.images.common,
        only: [found.images.only_a.count, found.images.only_b.count],
        only_left_out: settings.common,
        not_compared: found.classes_not_compared(),
        measure: &|name| found.measure(name),
    });
    Ok(Comparison { found, judged, spreads: spreads.into_iter().map(Spread::from).collect() })
}

/// Returns the released rows that the program knows.
///
/// # Errors
/// A bug if the embedded golden file is invalid.
pub fn golden_released() -> Result<Vec<ReleasedRow>> {
    Ok(GoldenFeatures::embedded()?.released())
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FeatureVerdict { verdict, what_to_do, title, evidence, .. } = &self.judged;
        let mut out = String::new();
        paragraph(&mut out, "", &format!("{verdict}  {}.", self.judged.summary()));
        let judged = format!("Judged: B against A, by the limits of “{title}” in golden/features.toml.");
        paragraph(&mut out, "  ", &judged);
        evidence.iter().for_each(|evidence| paragraph(&mut out, "  - ", evidence));
        if let Some(advice) = what_to_do {
            paragraph(&mut out, "  next: ", advice);
        }
        write!(f, "{out}\n{}\n{}", self.judged, self.found.to_string().trim_end())
    }
}

/// The table of measures and limits.
impl fmt::Display for FeatureVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<26} {:>12} {:>12}  verdict", "measure", "value", "at most")?;
        for MeasureRow { measure, observed, limit, verdict, reason, source } in &self.rows {
            let value = |value: &Option<f64>| value.map_or_else(|| "–".to_owned(), short);
            let verdict = verdict.map_or("not judged", |verdict| verdict.as_str());
            writeln!(f, "{measure:<26} {:>12} {:>12}  {verdict}", value(observed), value(limit))?;
            let source = source.as_ref().map_or_else(String::new, |source| format!(" [{source}]"));
            let mut why = String::new();
            paragraph(&mut why, "    ", &format!("{reason}{source}"));
            f.write_str(&why)?;
        }
        Ok(())
    }
}
