//! The rules by which images are compared.

use serde::Serialize;

use crate::features::open_features::OpenFeatures;
use crate::features::store::Precision;

/// Greatest differences of a box that counts as the same in both files (bounds included). Its classes must be equal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SameBoxBounds {
    /// Greatest difference of a corner's coordinate in pixels of the image.
    pub pixels: f64,
    /// Greatest difference of a feature, beside what rounding to float16 explains.
    pub feature: f64,
    /// Greatest difference of an object's or attribute's probability.
    pub probability: f64,
}

/// Rules by which images are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatchRules {
    /// Least intersection over union of a pair of boxes.
    pub iou: f64,
    /// What makes a pair the same.
    pub same: SameBoxBounds,
    /// Number of files (A, B) that are rounded to float16, or count as such.
    pub roundings: u8,
}

impl MatchRules {
    /// Counts files in half precision as rounded.
    #[must_use]
    pub fn for_files(self, files: [&OpenFeatures; 2]) -> Self {
        let halves = files.iter().filter(|file| file.precision() == Precision::F16).count() as u8;
        Self { roundings: self.roundings.max(halves), ..self }
    }
}
