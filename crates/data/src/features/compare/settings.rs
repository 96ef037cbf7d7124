//! Settings of a comparison.

use super::rules::SameBoxBounds;
use crate::features::released_rows::ReleasedRow;

/// Settings of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct CompareSettings<'s> {
    /// Least intersection over union of a pair of boxes.
    pub iou: f64,
    /// What makes a pair the same.
    pub same: SameBoxBounds,
    /// Number of files that count as rounded to float16, whatever their format.
    pub roundings: u8,
    /// Rows that were released, to look for in the reference.
    pub released: &'s [ReleasedRow],
    /// Number of images to name that are in one file only or were resized.
    pub named: usize,
    /// Number of the worst images to name.
    pub worst: usize,
    /// Threads that compare.
    pub threads: usize,
}
